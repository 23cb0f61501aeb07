"use strict";
(function () {
  function open(target) {
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  }
  function follow() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    open(target);
    const inner = target.querySelector(":scope > details");
    if (inner) inner.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", follow);
  follow();
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
  if (navigator.clipboard) document.querySelectorAll("pre.command").forEach(function (pre) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = "Copy";
    b.addEventListener("click", function () {
      navigator.clipboard.writeText(pre.textContent).then(function () { b.textContent = "Copied"; });
    });
    pre.after(b);
  });
})();
