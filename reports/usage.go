package reports

import (
	"fmt"
	"strings"
)

// usageView is one row of what was used: a step on one node. Step, Start and Took are empty on a step's further nodes.
type usageView struct {
	ID, Step, Start, Took                  string
	Node, CPU, Read, Written, Memory, Disk string
	Unmeasured                             string
}

// unknown stands where nobody could tell a figure: it is never 0.
const unknown = "not measured"

// wholeRecovery is the name of the row that sums the steps up.
const wholeRecovery = "the whole recovery"

// A node that has nothing to do with a step uses less than this in it, and a shared disk grows by as much by itself.
const (
	idleCPUMS = 50
	idleBytes = 1 << 20
)

func (u NodeUsage) view() usageView {
	v := usageView{Node: line(u.Node), Unmeasured: line(u.Unmeasured)}
	if v.Unmeasured != "" {
		v.CPU, v.Read, v.Written, v.Memory, v.Disk = unknown, unknown, unknown, unknown, unknown
		return v
	}
	bytes := func(n int64) string {
		if n < 0 {
			return unknown
		}
		return size(n)
	}
	v.CPU = unknown
	if u.CPUMS >= 0 {
		v.CPU = duration(u.CPUMS)
	}
	v.Read, v.Written, v.Memory, v.Disk = bytes(u.BytesRead), bytes(u.BytesWritten), bytes(u.PeakMemoryBytes), bytes(u.PeakDiskBytes)
	return v
}

// idle tells a node that a step left alone.
func (u NodeUsage) idle() bool {
	return u.Unmeasured == "" && u.CPUMS < idleCPUMS && u.BytesRead < idleBytes && u.BytesWritten < idleBytes && u.DiskGrowthBytes < idleBytes
}

// busy are the nodes that did something, or cannot be measured; all of them where none did.
func busy(all []NodeUsage) []NodeUsage {
	var some []NodeUsage
	for _, u := range all {
		if !u.idle() {
			some = append(some, u)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// usageViews are the steps with what each used, and the recovery as a whole. Where nothing was looked at, there are the
// steps alone.
func usageViews(id string, r *Record) []usageView {
	if r.Recovery == nil {
		return nil
	}
	rec := r.Recovery
	var all []usageView
	taken := make(map[string]bool)
	add := func(first usageView, used []NodeUsage) {
		rows := busy(used)
		if len(rows) == 0 {
			all = append(all, first)
			return
		}
		for i, u := range rows {
			v := u.view()
			if i == 0 {
				v.ID, v.Step, v.Start, v.Took = first.ID, first.Step, first.Start, first.Took
			}
			all = append(all, v)
		}
	}
	for _, s := range rec.Steps {
		took := "not ended"
		if s.EndNS > 0 {
			took = duration(span(s.StartNS, s.EndNS))
		}
		add(usageView{ID: id + "-step-" + identifier(s.Name, taken), Step: line(s.Name), Start: since(rec.DeclaredNS, s.StartNS), Took: took}, s.Usage)
	}
	if len(rec.Usage) > 0 {
		add(usageView{ID: id + "-step-whole", Step: wholeRecovery, Took: duration(span(rec.DeclaredNS, rec.EndedNS))}, rec.Usage)
	}
	return all
}

// measured tells whether anybody looked at what the recovery used.
func (r *Record) measured() bool { return r.Recovery != nil && len(r.Recovery.Usage) > 0 }

// usageText is what a recovery used on one node, in a line: "spare: 2.1 s of processors, 48.0 MiB written, …".
func usageText(u NodeUsage) string {
	v := u.view()
	if v.Unmeasured != "" {
		return fmt.Sprintf("%s: %s (%s)", v.Node, unknown, v.Unmeasured)
	}
	text := fmt.Sprintf("%s: %s of processors, %s read, %s written, memory at most %s, disks at most %s", v.Node, v.CPU, v.Read, v.Written, v.Memory, v.Disk)
	if u.DiskGrowthBytes > 0 {
		text += ", of them " + size(u.DiskGrowthBytes) + " new"
	}
	return text
}

// markdownUsage is the table of the steps of one recovery; "" where nobody measured.
func markdownUsage(r *Record) string {
	if !r.measured() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s**: %s\n\n", markdown(shorten(scenario(r), 200)), markdown(shorten(line(r.Recovery.Name), 200)))
	b.WriteString("| Step | Took | Node | Processors | Read | Written | Memory at most | Disks at most |\n|---|--:|---|--:|--:|--:|--:|--:|\n")
	for _, v := range usageViews("", r) {
		cells := []string{v.Step, v.Took, v.Node, v.CPU, v.Read, v.Written, v.Memory, v.Disk}
		for i, c := range cells {
			cells[i] = markdown(shorten(c, 200))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}
