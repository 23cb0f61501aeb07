package verify

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// theirOwn are the kinds of objects of which a standby may have others than its primary, and why. All else must be the same:
// the next failover makes a primary of it.
var theirOwn = map[string]string{
	"setting": "sized and placed for its machine, and told to follow", "sys setting": "a setting", "binary log filter": "a setting",
	"replication channel": "a standby has one, a primary has none", "prepared transaction": "a server in recovery shows none",
	"logical slot": "made on one server, and by no log on another",
}

// likeness compares a standby's structure with the primary's.
func (j *judgement) likeness(primary *fixtures.Manifest, s replica, by Structure) {
	own, there := judging(""), map[string]fixtures.Database{}
	compare := func(database string, primarys, standbys []fixtures.Object) {
		want, got := likeObjects(primary.Engine, primarys, standbys)
		by.compare(own, database, want, got)
	}
	compare("", primary.Objects, s.Manifest.Objects)
	for _, db := range s.Manifest.Databases {
		there[db.Name] = db
	}
	for _, db := range primary.Databases {
		got, ok := there[db.Name]
		delete(there, db.Name)
		if !ok || isMissingDatabase(got) {
			own.res.Covered.Planned++
			own.res.Covered.Looked++
			own.fail(reports.Finding{
				Summary: fmt.Sprintf("database %s is missing", db.Name), Where: reports.Place{Database: db.Name},
				Wanted: plural(int64(len(db.Tables)), "table"), Found: "no such database",
			})
			continue
		}
		compare(db.Name, db.Objects, got.Objects)
	}
	for _, db := range s.Manifest.Databases {
		if _, extra := there[db.Name]; extra {
			own.fail(reports.Finding{
				Summary: fmt.Sprintf("database %s was not there at the mark", db.Name), Where: reports.Place{Database: db.Name},
				Wanted: "no such database", Found: plural(int64(len(db.Tables)), "table"),
			})
		}
	}
	j.res.Covered.Planned += own.res.Covered.Planned
	j.res.Covered.Looked += own.res.Covered.Looked
	for _, f := range own.res.Findings {
		f.Summary = s.Node + ": " + strings.NewReplacer("was not there at the mark", "is not on the primary", "the manifest of the mark", "the manifest of the primary").Replace(f.Summary)
		f.Where.Node, f.Question, f.Hint = s.Node, reports.Harmless, "build the standby anew from a sound server, by a copy of all of it; say in Replicas.Allow what it is meant to have"
		if f.Outcome == reports.Passed { // accepted
			f.Hint = ""
		}
		j.add(f)
	}
}

// likeObjects are the objects of a primary and of its standby in the form in which they must be equal.
func likeObjects(engine string, primary, standby []fixtures.Object) (want, got []fixtures.Object) {
	held := map[string]bool{} // events that run on a primary alone
	for _, o := range standby {
		held[o.Name] = held[o.Name] || o.Kind == "event" && heldBack.MatchString(o.Definition)
	}
	like := func(all []fixtures.Object) (some []fixtures.Object) {
		for _, o := range all {
			if theirOwn[o.Kind] != "" || o.Kind == "plugin" && strings.HasPrefix(strings.ToLower(o.Name), "rpl_semi_sync") { // one for either side
				continue
			}
			o.Most = nil // a standby of PostgreSQL is up to 32 numbers ahead, as far as the log is
			if engine != "postgres" {
				o.AtLeast = nil // the next number follows from the rows, and what was skipped is in one server's memory
			}
			if o.Kind == "event" && held[o.Name] {
				o.Definition = stateless(o.Definition)
			}
			some = append(some, o)
		}
		return some
	}
	return like(primary), like(standby)
}

// A replica holds events back that came to it by the log, whether or not they run on the primary, until it takes over.
var (
	heldBack    = regexp.MustCompile(`^(slaveside|replica_side)_disabled; `)
	eventState  = regexp.MustCompile(`^[a-z_]+; `)
	eventClause = regexp.MustCompile(`(ON COMPLETION (?:NOT )?PRESERVE) (?:ENABLE|DISABLE(?: ON (?:SLAVE|REPLICA))?)\b`)
)

// stateless leaves out of an event's definition whether it runs.
func stateless(definition string) string {
	rest := definition[len(eventState.FindString(definition)):]
	if at := eventClause.FindStringSubmatchIndex(rest); at != nil { // the first one: what it does comes later
		rest = rest[:at[3]] + rest[at[1]:]
	}
	return rest
}

// writeTo sends a client's write to a standby that answers.
func writeTo(ctx context.Context, sys fixtures.System, node, at string) *fenced {
	f := &fenced{Node: node, Address: at}
	dialer, ok := sys.(fencedDialer)
	if !ok {
		f.Unclear = (&fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "drill.Dialer", For: "ask a standby whether it takes writes"}).Error()
		return f
	}
	if err := f.write(ctx, sys, dialer); err != nil && f.Refused == "" && f.Unclear == "" {
		f.Unclear = "it does not answer a client: " + err.Error()
	}
	return f
}

// refusesWrites wants a standby to have refused a client's write: rows that somebody writes there are on no other server, and
// go with it or, when it takes over, against all others.
func (j *judgement) refusesWrites(s replica) {
	j.res.Covered.Planned++
	where := reports.Place{Node: s.Node}
	switch {
	case s.Writes == nil:
		j.unsure(reports.Finding{Summary: "nobody asked whether " + s.Node + " takes writes of clients", Where: where})
		return
	case s.Writes.Unclear != "":
		j.unsure(reports.Finding{Summary: "whether " + s.Node + " takes writes of clients is not known: " + s.Writes.Unclear, Where: where})
		return
	case s.Writes.Accepted:
		j.fail(reports.Finding{
			Summary: s.Node + " takes writes of clients: it is no standby, or will not be the primary's copy for long", Where: where, Question: reports.Harmless,
			Wanted: "it refuses writes", Found: "it took one", Hint: "make it read-only (read_only, super_read_only), in its configuration file too, or let it follow again",
		})
	case s.Writes.Refused == "":
		j.unsure(reports.Finding{Summary: "nobody knows what became of a write to " + s.Node, Where: where})
		return
	}
	j.res.Covered.Looked++
}
