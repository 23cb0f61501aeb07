package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Restore is what a drill without a fault was about: a team's real backup, restored into an empty place.
type Restore struct {
	Backup   string           `json:"backup,omitempty"`   // where it lay; "" where the team's command knows
	Manifest *RestoreManifest `json:"manifest,omitempty"` // taken beside it; nil where there was none
	// NewSystem accepts a new system identifier: a logical restore.
	NewSystem bool      `json:"new_system,omitempty"`
	Allow     []Allowed `json:"allow,omitempty"` // differences of structure that its owner accepts
	Tables    []Place   `json:"tables,omitempty"`

	Invariants int `json:"invariants"` // how many were asked
	Freshness  int `json:"freshness"`
	RowBands   int `json:"row_bands"`

	ReadyNS  int64  `json:"ready_ns,omitempty"`  // the restored store answered; 0 if never
	NoWrites string `json:"no_writes,omitempty"` // why it takes none, in the server's words; "" where it does
}

// invariantsCheck is the name of the check that asks for them.
const invariantsCheck = "invariants"

// RestoreManifest says which manifest a restored store was held against.
type RestoreManifest struct {
	Taken    time.Time `json:"taken"`
	Position string    `json:"position,omitempty"`
	Version  string    `json:"version"` // of the server
	Digest   string    `json:"sha256"`  // of the list of its files' sums, all of which were held against it
	Only     []string  `json:"only,omitempty"`
	Tables   int64     `json:"tables"`
	Rows     int64     `json:"rows"`
}

// Allowed is a difference of structure that is accepted, with the reason.
type Allowed struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Unverified says that nothing but what a team knows of its data was held against it: there was no manifest.
func (r *Restore) Unverified() bool { return r != nil && r.Manifest == nil }

// unverified says how much weaker a verdict without a manifest is; "" with one.
func (rec *Record) unverified() string {
	r := rec.Restore
	if !r.Unverified() {
		return ""
	}
	held := map[string]int64{ // by the check that has looked
		invariantsCheck: int64(r.Invariants), "freshness": int64(r.Freshness), "row bands": int64(r.RowBands), "readable": int64(len(r.Tables)),
	}
	var untried int64
	for _, c := range rec.Checks {
		switch _, asked := held[c.Name]; {
		case asked && (c.Outcome != Passed || slices.ContainsFunc(rec.Waivers, func(w Waiver) bool { return w.Check == c.Name })):
			held[c.Name] = 0
		case c.Name == invariantsCheck:
			untried = c.Covered.Untried
			held[c.Name] = c.Covered.Looked - untried // one that speaks about no row has not held
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{
		{held[invariantsCheck], plural(held[invariantsCheck], "invariant")},
		{held["freshness"], "freshness"},
		{held["row bands"], plural(held["row bands"], "row band")},
		{held["readable"], plural(held["readable"], "required table")},
	} {
		if p.n > 0 {
			parts = append(parts, p.text)
		}
	}
	if len(parts) == 0 {
		return "judged without a manifest, and by nothing else: whether any row is right is not known"
	}
	all := strings.Join(parts, ", ")
	if n := len(parts); n > 1 {
		all = strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	all += " held"
	if untried > 0 {
		all += fmt.Sprintf("; %s without Breaks, which may never fail, held too", plural(untried, "invariant"))
	}
	return "judged without a manifest: " + all + "; whether every row is right is not known"
}

// tookText is how long the restore took.
func (r *Record) tookText() string {
	asked := objective(r.Objective.RTOMS)
	if r.Restore.ReadyNS == 0 || r.Recovery == nil {
		return "not restored (" + asked + ")"
	}
	return fmt.Sprintf("restored in %s (%s)", duration(span(r.Recovery.DeclaredNS, r.Restore.ReadyNS)), asked)
}

// restoreText is the headline of a restore that passed.
func (r *Record) restoreText() []string {
	parts := []string{r.tookText()}
	if weak := r.unverified(); weak != "" {
		return append(parts, weak)
	}
	m := r.Restore.Manifest
	if r.rowsVerified() == 0 {
		return append(parts, "no row was held against the manifest")
	}
	text := fmt.Sprintf("all of %s are back as the manifest of %s says", plural(r.rowsVerified(), "row"), m.Taken.UTC().Format("2006-01-02 15:04 UTC"))
	if len(m.Only) > 0 {
		text += ", of " + line(strings.Join(m.Only, ", ")) + " alone"
	}
	return append(parts, text)
}

// restoreTile stands where an RTA would: there was no outage.
func restoreTile(r *Record) tile {
	t := tile{fact: fact{Label: "Restore", Value: "not restored", Note: objective(r.Objective.RTOMS)}, Outcome: failedOr(r)}
	if r.Restore.ReadyNS > 0 && r.Recovery != nil {
		ms := span(r.Recovery.DeclaredNS, r.Restore.ReadyNS)
		t.Value, t.Outcome = duration(ms), Passed
		if r.Objective.RTOMS > 0 && ms > r.Objective.RTOMS {
			t.Outcome = Failed
		}
	}
	return t
}

// judgedBy says what the restored store was held against.
func (r *Restore) judgedBy() string {
	if r == nil {
		return ""
	}
	m := r.Manifest
	if m == nil {
		return "no manifest: how many rows are wrong or missing cannot be told"
	}
	return fmt.Sprintf("the manifest of %s at %s: %s, %s; sha256 %s", m.Taken.UTC().Format("2006-01-02 15:04:05 UTC"), firstText(m.Position, "no position"), plural(m.Tables, "table"), plural(m.Rows, "row"), m.Digest)
}
