package reports

import (
	"fmt"
	"strings"
)

// Teeth is the proof, made in the drill itself, that its checks notice what is wrong. Records of drills from before there
// was one hold none.
type Teeth struct {
	// Scratch is tried before the fault: on copies of the tables' shapes one thing after another is changed, and the checks
	// that look at rows and structure must notice each. nil where the engine makes no such copies.
	Scratch *Bite `json:"scratch,omitempty"`
	// Evidence is tried after a verdict that would be passed: a copy of the evidence is spoiled in one way after another,
	// and the check that is to see it must not pass. nil where it was not needed.
	Evidence *Bite `json:"evidence,omitempty"`
	// NoScratch says why there is no Scratch, where none was to be tried.
	NoScratch string `json:"no_scratch,omitempty"`
}

// Bite is one of the two trials.
type Bite struct {
	Tried      int       `json:"tried"`   // changes
	Noticed    int       `json:"noticed"` // of them, by every check that had to
	Blunt      []Finding `json:"blunt,omitempty"`
	Untested   []string  `json:"untested,omitempty"` // what was not tried, and why
	Error      string    `json:"error,omitempty"`    // why it could not be tried to the end
	DurationMS int64     `json:"duration_ms"`
}

// Doubt says why a drill with these teeth cannot pass; "" if it can. No teeth at all are of an older record.
func (t *Teeth) Doubt() string {
	switch {
	case t == nil:
		return ""
	case t.Scratch == nil && t.NoScratch == "":
		return "whether the checks notice a change was to be tried before the fault, and was not"
	case t.Evidence == nil:
		return "whether the checks notice spoiled evidence was to be tried after the verdict, and was not"
	}
	for _, b := range []*Bite{t.Scratch, t.Evidence} {
		if why := b.doubt(); why != "" {
			return why
		}
	}
	return ""
}

func (b *Bite) doubt() string {
	switch {
	case b == nil:
		return ""
	case len(b.Blunt) > 0:
		return line(b.Blunt[0].Summary)
	case b.Error != "":
		return "whether the checks notice a change could not be tried: " + line(b.Error)
	case b.Tried <= 0:
		return "whether the checks notice a change was not tried: nothing could be changed"
	case b.Noticed < b.Tried:
		return fmt.Sprintf("only %d of %s were noticed by the checks", b.Noticed, plural(int64(b.Tried), "change"))
	}
	return ""
}

// String is the teeth in one line; "" where there are none.
func (t *Teeth) String() string {
	if t == nil {
		return ""
	}
	var parts []string
	if t.Scratch != nil {
		parts = append(parts, t.Scratch.text("change", "of scratch tables"))
	} else if t.NoScratch != "" {
		parts = append(parts, "no scratch tables: "+line(t.NoScratch))
	}
	if t.Evidence != nil {
		parts = append(parts, t.Evidence.text("change", "of the evidence"))
	}
	return strings.Join(parts, "; ")
}

func (b *Bite) text(noun, of string) string {
	s := fmt.Sprintf("%d of %s %s noticed in %d ms", b.Noticed, plural(int64(b.Tried), noun), of, b.DurationMS)
	if n := len(b.Untested); n > 0 {
		s += fmt.Sprintf(" (%d not tried)", n)
	}
	if b.Error != "" {
		s += ", then: " + line(b.Error)
	}
	return s
}
