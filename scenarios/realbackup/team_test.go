package realbackup_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/foreign"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// team is a server that no drill has made, with a database and accounts of its own, its backup and the manifest beside it.
type team struct {
	engine, script           string
	place                    fixtures.Blueprint // to restore into
	store                    foreign.Store
	backup, manifest, digest string
}

// setUp tells how a team makes its server and its backup, in a shell on the server's node, as its user. The server uses
// the port and the programs that a drill's own would.
type setUp struct {
	engine string
	place  fixtures.Blueprint
	init   string // starts the server and fills it
	backup string // writes into the directory $BACKUP
	store  func(address string) foreign.Store
	script string // the team's way back
}

// newTeam starts the server, backs it up and takes the manifest. Nobody writes in between. The server is gone when it returns.
func newTeam(ctx context.Context, s setUp) team {
	GinkgoHelper()
	sys := suite.Start(ctx, s.place)
	primary := sys.Members()[0].Node
	env, err := sys.(fixtures.Responder).Environment(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(sys.(fixtures.Controlled).StopServer(ctx, primary)).To(Succeed())
	env["BACKUP"] = "/tmp/backup"
	run := func(script string) {
		GinkgoHelper()
		r, err := primary.Exec(ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: env["GAMEDAY_OSUSER"], Env: env})
		Expect(err).NotTo(HaveOccurred(), string(r.Stdout)+string(r.Stderr))
	}
	run(s.init)
	dir := GinkgoT().TempDir()
	t := team{engine: s.engine, script: s.script, place: s.place, backup: filepath.Join(dir, "backup"), manifest: filepath.Join(dir, "monday.manifest")}
	run("mkdir \"$BACKUP\"\n" + s.backup)
	Expect(fixtures.CopyOut(ctx, primary, env["BACKUP"], t.backup)).To(Succeed())
	port := 0
	_, err = fmt.Sscan(env["GAMEDAY_PORT"], &port)
	Expect(err).NotTo(HaveOccurred())
	at, err := primary.Address(ctx, port)
	Expect(err).NotTo(HaveOccurred())
	t.store = s.store(at.Harness)
	_, t.digest, err = foreign.Take(ctx, t.store, t.manifest, foreign.TakeOptions{})
	Expect(err).NotTo(HaveOccurred())
	return t
}

// restore is the team's scenario; afterwards is what goes wrong with the restore, as a shell command on the spare node.
func (t team) restore(ctx context.Context, name, afterwards string, change func(*drill.RestoreScenario)) *reports.Record {
	GinkgoHelper()
	s := drill.RestoreScenario{
		Scenario: drill.Scenario{Name: "realbackup/" + name, Owner: "library", Engine: t.engine, Objective: drill.Objective{RTO: 2 * time.Minute}, ServiceLimit: 10 * time.Second},
		Store:    t.store, Backup: t.backup, Manifest: t.manifest, ManifestDigest: t.digest,
	}
	if change != nil {
		change(&s)
	}
	return suite.Restore(ctx, t.place, s, recovery.OnNode("spare", t.script).With("AFTERWARDS", afterwards))
}

// says is everything that a record says in words.
func says(rec *reports.Record) string {
	_, why := reports.Verdict(rec)
	all := []string{why, rec.Error}
	for _, check := range rec.Checks {
		for _, f := range check.Findings {
			all = append(all, f.Summary, f.Hint)
		}
	}
	return strings.Join(all, "\n")
}

func sqlFile(name string) string {
	GinkgoHelper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	Expect(err).NotTo(HaveOccurred())
	return string(b)
}

// wrong is what goes wrong with a restore, and what the verdict must say of it.
type wrong struct{ afterwards, says string }

// few are the names of the first and the last of what can go wrong, and of all of it where all is asked for.
func few(all map[string]wrong) []string {
	names := slices.Sorted(maps.Keys(all))
	if os.Getenv("GAMEDAY_TESTS") == "all" {
		return names
	}
	return []string{names[0], names[len(names)-1]}
}
