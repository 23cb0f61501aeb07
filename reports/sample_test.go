package reports

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files in testdata")
	sample = flag.String("sample", "", "write a sample run's reports into this directory, to look at")
)

func ms(n int64) int64 { return n * 1_000_000 }

func at(t int64) time.Time {
	return time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC).Add(time.Duration(t) * time.Millisecond)
}

// samplePassed is a drill in which everything was recorded.
func samplePassed() *Record {
	lost := int64(500)
	r := &Record{
		SchemaVersion: Schema, Run: "20261122T083000Z-4f2a91", Scenario: "postgres/replicated-bad-write",
		Title: "returns to the moment before a replicated bad write", Owner: "payments", Disaster: "a deploy zeroes a column",
		Runbook: "https://runbooks.example.com/pitr", File: "scenarios/postgres/bad_write_test.go", Line: 41,
		Reproduce: "gameday run --scenario postgres/replicated-bad-write --seed 42", Seed: 42, Nonce: "9f86d081884c7d65",
		Started: at(0), Finished: at(48_300), Dir: "gameday-report/20261122T083000Z-4f2a91/postgres-replicated-bad-write",
		Host: Host{
			Name: "ci-7", OS: "Debian 13, Linux 6.12", CPUs: 8, CPU: "AMD EPYC 7713", MemoryMB: 32_768, Go: "go1.26.8",
			Gameday: "v0.4.0", Docker: "28.5.1", Started: "pipeline 8812",
		},
		System: fixtures.Info{
			Engine: "postgres", Version: "17.11", Provider: "container", Dataset: "shop scale 1 seed 42",
			Images: map[string]fixtures.Image{
				"primary":   {Reference: "postgres:17", Digest: "sha256:5d8e4bb5c3a0d6c4a7ce9b4e2b6c10b8a6ea2f5f6c5c3f5b6f1f5b1e3d9c8a70", Origin: "local"},
				"standby-1": {Reference: "postgres:17", Digest: "sha256:5d8e4bb5c3a0d6c4a7ce9b4e2b6c10b8a6ea2f5f6c5c3f5b6f1f5b1e3d9c8a70", Origin: "local"},
			},
		},
		Objective: Objective{RTOMS: 60_000, RPOMS: 60_000, LostWrites: &lost},
		Answers:   []Question{BackedUp, Findable, InService, Harmless, InTime},
		Settings: []fixtures.Setting{
			{Name: "fsync", Value: "on", Wanted: "on", OK: true},
			{Name: "full_page_writes", Value: "on", Wanted: "on", OK: true},
			{Name: "synchronous_commit", Value: "on", Wanted: "on or stronger", OK: true},
		},
		SettingsAfter: []fixtures.Setting{
			{Name: "fsync", Value: "on", Wanted: "on", OK: true}, {Name: "synchronous_commit", Value: "on", Wanted: "on or stronger", OK: true},
		},
		Phases: []Phase{
			{Name: "seed", StartNS: ms(10), EndNS: ms(9_400), Detail: "shop scale 1 seed 42"},
			{Name: "backup", StartNS: ms(9_400), EndNS: ms(13_900), Detail: "nightly"},
			{Name: "traffic", StartNS: ms(13_900), EndNS: ms(20_100)},
			{Name: "mark", StartNS: ms(20_100), EndNS: ms(20_900), Detail: "before the bad deploy"},
			{Name: "break", StartNS: ms(20_900), EndNS: ms(24_700)},
			{Name: "recover", StartNS: ms(24_700), EndNS: ms(30_100)},
			{Name: "verify", StartNS: ms(33_000), EndNS: ms(48_100)},
		},
		Backups: []fixtures.Backup{{
			Label: "nightly", Path: "/vault/base/nightly", Start: "0/4000028", Stop: "0/4000158",
			Time: at(13_800), Bytes: 42_123_456, Duration: 4_400 * time.Millisecond,
		}},
		Canaries: []probe.Canary{{Name: "shop.payments", Database: "shop", Query: "select 1", Want: "1"}},
		Recovery: &Recovery{
			Name: "restore-payments.sh", Privilege: "the superuser's password, to create roles", Command: []string{"./restore-payments.sh", "--in-place"},
			DeclaredNS: ms(24_700), EndedNS: ms(30_050), OutputBytes: 18_211,
			Steps: []Step{
				{Name: "stop", StartNS: ms(24_760), EndNS: ms(25_200)},
				{Name: "fetch", StartNS: ms(25_200), EndNS: ms(27_100)},
				{Name: "replay", StartNS: ms(27_100), EndNS: ms(29_500)},
				{Name: "promote", StartNS: ms(29_500), EndNS: ms(30_050)},
			},
			Plan: &RecoveryPlan{Digest: "1f0c9be2a7d45e63", Steps: []PlannedStep{
				{Name: "stop", Does: "stop the damaged server"},
				{Name: "fetch", Does: "copy the newest base backup"},
				{Name: "replay", Does: "replay the archived log up to the restore point"},
				{Name: "promote", Does: "pg_ctl promote <and> cut over"},
			}},
			Preflight: &Preflight{Needs: []Need{
				{Resource: "disk", Where: "spare", NeededBytes: 120 << 20, AvailableBytes: 70 << 30, Met: true, Detail: "df of /var/lib/postgresql"},
				{Resource: "log", Where: "/vault/wal", Met: true, Detail: "no gap from 0/4000028 to 0/7A3F1C8"},
				{Resource: "key", Where: "spare", Detail: "no key <of> the vault"},
			}},
			Usage:    sampleUsage(41_200_000, 2_310),
			CutOvers: []fixtures.RouteChange{{At: at(29_790), Kind: "cut over", Target: "127.0.0.1:32771"}},
			OutputTail: []string{
				"gameday: step replay", "\x1b[32mLOG:\x1b[0m  recovery stopping at restore point \"gd_before\"",
				"gameday: step promote", "password ***", "gameday: cutover 127.0.0.1:32771",
			},
		},
		Fault: &Fault{
			Name: "bad write", Class: "bad write", Description: "UPDATE payments SET amount = 0", InjectNS: ms(22_900),
			InjectedNS: ms(23_610), EffectNS: ms(23_620), Proven: true, ProofTotal: 2,
			Proof:      []Finding{{Outcome: Failed, Summary: "10,000 of 10,000 rows changed", Where: Place{Database: "shop", Table: "public.payments"}}},
			Propagated: "standby-1", PropagatedNS: ms(23_900), Notes: []string{"one statement in one transaction"},
		},
		Traffic: Traffic{
			Clients: 4, Attempted: 2_911, Acknowledged: 2_704, Refused: 180, Unknown: 27, AcknowledgedBeforeMark: 1_204,
			AcknowledgedAfter: 1_288, Lost: 212, RPAMS: 3_100, Judged: true,
		},
		Service: Service{
			IntervalMS: 20, Needed: 10, Asked: 1_650, Correct: 1_340, Wrong: 54, Errors: 256, FirstBadNS: ms(23_640),
			BackNS: ms(29_820), RTAMS: 6_200, FromDeclaredMS: 5_120, ClaimedMS: 6_430, Reached: true,
		},
		Checks: []CheckResult{
			{
				Name: "contents", Promise: "every row of every fixed table is what it was at the mark", Outcome: Passed,
				Covered: Coverage{What: "tables", Planned: 12, Looked: 12, Rows: 143_201, Bytes: 22_439_526}, DurationMS: 2_100,
				Questions: []Question{BackedUp, InService, Harmless},
			},
			{
				Name: "ledger", Promise: "every write acknowledged before the mark is there, once", Outcome: Passed,
				Covered: Coverage{What: "operations", Planned: 2_911, Looked: 2_911}, DurationMS: 140, Questions: []Question{BackedUp, Harmless},
			},
			{
				Name: "service", Promise: "clients lost the service and got it back", Outcome: Passed,
				Covered: Coverage{What: "answers", Planned: 1_650, Looked: 1_650}, DurationMS: 3, Questions: []Question{InService},
			},
			{
				Name: "objectives", Promise: "RTA and RPA are within the objectives", Outcome: Passed,
				Covered: Coverage{What: "objectives", Planned: 3, Looked: 3}, DurationMS: 1, Questions: []Question{InTime},
			},
		},
		Waivers: []Waiver{{Check: "extensions", Reason: "none are installed in this image"}},
		Outcome: Passed,
		Evidence: []EvidenceFile{
			{Path: "baseline/manifest.json", Bytes: 41_209, SHA256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", What: "the store's contents and structure at the mark"},
			{Path: "ledger.jsonl", Bytes: 1_204_331, SHA256: "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9", What: "every write that traffic attempted, and what it was told"},
			{Path: "probe.jsonl", Bytes: 98_112, SHA256: "baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096", What: "every answer of the service clock"},
			{Path: "recovery.log", Bytes: 18_211, SHA256: "7d793037a0760186574b0282f2f435e7a1b5c9a4f2c3b0d4b4c6cbd6f1f7a1d2", What: "the recovery's output, secrets masked"},
		},
	}
	r.Recovery.Steps[1].Usage = sampleUsage(40_900_000, 480)
	r.Recovery.Steps[2].Usage = sampleUsage(300_000, 1_700)
	r.Recovery.Steps[3].Usage = sampleUsage(0, 20)
	r.Meanwhile = []Meanwhile{
		{
			Name: "network cut", Class: "network", Description: "the route to the vault is cut", At: "when the step \"replay\" began", Until: "after 1s",
			InjectNS: ms(27_110), InjectedNS: ms(27_120), HealedNS: ms(28_130), Proven: true, Proof: "the route answers nothing",
		},
	}
	mark := fixtures.Mark{Label: "before the bad deploy", Name: "gd_before", Position: "0/7A3F1C8", Time: at(20_800), Timeline: "1", MonotonicNS: ms(20_800)}
	r.Marks, r.Target = []fixtures.Mark{mark}, &mark
	return r
}

// sampleUsage is that of one busy node, one that has nothing to do with it, and one that cannot be measured.
func sampleUsage(written, cpuMS int64) []NodeUsage {
	return []NodeUsage{
		{Node: "primary", CPUMS: 3, PeakMemoryBytes: 90 << 20, PeakDiskBytes: 120 << 20},
		{Node: "standby-1", Unmeasured: "this place does not tell", CPUMS: -1, BytesRead: -1, BytesWritten: -1, PeakMemoryBytes: -1, PeakDiskBytes: -1, DiskGrowthBytes: -1},
		{Node: "spare", CPUMS: cpuMS, BytesRead: -1, BytesWritten: written, PeakMemoryBytes: 140 << 20, PeakDiskBytes: 61 << 20, DiskGrowthBytes: written},
	}
}

// sampleRefused is a false alarm that the recovery took for one.
func sampleRefused() *Record {
	r := samplePassed()
	r.Scenario, r.Title, r.Line = "postgres/false-alarm", "refuses to promote where the primary lives", 201
	r.Dir = "gameday-report/20261122T083000Z-4f2a91/postgres-false-alarm"
	r.Disaster = "the health check goes blind"
	r.Reproduce = "gameday run --scenario postgres/false-alarm --seed 42"
	r.Started, r.Finished = at(130_000), at(160_000)
	r.MustRefuse, r.Objective = true, Objective{}
	r.Fault = &Fault{Name: "false alarm", Class: "none", Description: "the monitor's route is cut", InjectNS: ms(22_900), InjectedNS: ms(23_610), EffectNS: ms(23_620), Proven: true, Silent: true}
	r.Recovery.CutOvers, r.Recovery.Steps, r.Recovery.Usage, r.Meanwhile = nil, r.Recovery.Steps[:1], nil, nil
	r.Recovery.ExitCode, r.Recovery.Error, r.Recovery.Refused = 3, "restore-payments.sh ended with exit status 3", "the primary <answers>"
	r.Service = Service{IntervalMS: 20, Needed: 10, Asked: 1_650, Correct: 1_650, BackNS: ms(24_720)}
	r.Traffic.Lost, r.Traffic.RPAMS = 0, 0
	return r
}

// sampleFailed restored the wrong moment: the service came back with damaged rows.
func sampleFailed() *Record {
	r := samplePassed()
	r.Scenario, r.Title = "postgres/pitr-after-drop-table", "brings a dropped table back without the rows of later writes"
	r.Disaster, r.Owner, r.Line = "a person drops a table <script>alert(1)</script>", "dba", 97
	r.Dir = "gameday-report/20261122T083000Z-4f2a91/postgres-pitr-after-drop-table"
	r.Reproduce = "gameday run --scenario postgres/pitr-after-drop-table --seed 42"
	r.Started, r.Finished = at(50_000), at(98_300)
	r.Recovery.CutOvers[0].At = at(79_790)
	r.Objective.LostWrites = nil
	r.Waivers = nil
	r.Outcome, r.Service.Reached = Failed, false
	r.Meanwhile = append(r.Meanwhile, Meanwhile{
		Name: "disk full", Class: "resource", Description: "the spare's disk is full", At: "after 1m0s", Error: "the moment never came: <it> ended before",
	})
	r.SettingsAfter[1].Value, r.SettingsAfter[1].OK = "off", false
	r.Recovery.OutputTail = append(r.Recovery.OutputTail, "<script>alert('output')</script>")
	r.Traffic.LostBeforeMark, r.Traffic.Lost = 37, 249
	r.Checks[0].Outcome, r.Checks[0].Total = Failed, 3
	r.Checks[0].Findings = []Finding{
		{
			Outcome: Failed, Summary: "10000 of 10000 rows changed", Where: Place{Database: "shop", Table: "payments", Keys: []string{"1", "2", "3"}},
			Wanted: "10000 rows, digest 8d969eef6ecad3c2", Found: "10000 rows, digest 0000 <script>alert(2)</script>", Question: Harmless,
			Examples: []string{`key 1: amount wanted 12.40, found 0`, `key 2: amount wanted 7.99, found 0`},
			Hint:     "the recovery stopped after the damage: compare its target with the mark's position",
		},
		{Outcome: Failed, Summary: "index payments_pkey is invalid", Where: Place{Database: "shop", Object: "index payments_pkey"}, Question: Harmless},
	}
	r.Checks[1].Outcome, r.Checks[1].Total = Failed, 1
	r.Checks[1].Findings = []Finding{{
		Outcome: Failed, Summary: "37 of 1,204 writes acknowledged before the mark are gone", Question: BackedUp,
		Wanted: "1,204 writes", Found: "1,167 writes", Examples: []string{"c2/item/118 (acknowledged 3.1 s before the fault)"},
	}}
	r.Checks[3].Outcome = Inconclusive
	r.Checks[3].Covered.Looked = 1
	r.Checks[3].Findings = []Finding{{Outcome: Inconclusive, Summary: "no RTA was reached, so that there is nothing to compare with 60 s"}}
	return r
}

// sampleInconclusive broke nothing.
func sampleInconclusive() *Record {
	r := samplePassed()
	r.Scenario, r.Title, r.Line = "postgres/corrupt-page", "replaces a corrupted page from the standby", 133
	r.Dir = "gameday-report/20261122T083000Z-4f2a91/postgres-corrupt-page"
	r.Disaster = "a disk returns a damaged page"
	r.Reproduce = "gameday run --scenario postgres/corrupt-page --seed 42"
	r.Started, r.Finished = at(100_000), at(126_000)
	r.Fault.Name, r.Fault.Class, r.Fault.Description = "corrupt page", "corruption", "block 3 of shop.payments overwritten"
	r.Fault.Proven, r.Fault.Proof, r.Fault.ProofTotal, r.Fault.Propagated, r.Fault.PropagatedNS = false, nil, 0, "", 0
	r.Recovery, r.Meanwhile, r.Checks, r.Waivers, r.Evidence = nil, nil, nil, nil, nil
	r.Traffic.Judged, r.Traffic.Lost = false, 0
	r.Service = Service{IntervalMS: 20, Needed: 10, Asked: 1_200, Correct: 1_200}
	r.Phases = r.Phases[:5]
	r.Phases[4].Error = "no check saw damage on the store within 30 s"
	r.Outcome = Inconclusive
	return r
}

// sampleAnswers is a probe series that fits the samples: correct, then wrong, then errors, then correct.
func sampleAnswers() []probe.Answer {
	rnd := rand.New(rand.NewPCG(1, 2))
	var all []probe.Answer
	for t := int64(14_000); t < 47_000; t += 20 {
		a := probe.Answer{AtNS: ms(t), DoneNS: ms(t) + 700_000 + rnd.Int64N(500_000), Kind: probe.Correct}
		switch {
		case t >= 23_640 && t < 24_720:
			a.Kind = probe.Wrong
		case t >= 24_720 && t < 29_820:
			a.Kind = probe.Failed
		case t == 41_000:
			a.Kind = probe.Late
		}
		all = append(all, a)
	}
	return all
}

func sampleDrills() []Drill {
	passed, failed, unsure, refused := samplePassed(), sampleFailed(), sampleInconclusive(), sampleRefused()
	return []Drill{
		{Record: passed, Dir: passed.Dir, Answers: sampleAnswers()},
		{Record: failed, Dir: failed.Dir, Answers: sampleAnswers()},
		{Record: unsure, Dir: unsure.Dir},
		{Record: refused, Dir: refused.Dir},
	}
}

// TestSample writes a run to look at: go test ./reports -run TestSample -sample /tmp/sample.
func TestSample(t *testing.T) {
	dir := *sample
	if dir == "" {
		dir = t.TempDir()
	}
	drills := sampleDrills()
	for i := range 4 {
		r := samplePassed()
		r.Scenario = fmt.Sprintf("mysql/binlog-replay-%d", i+1)
		r.Service.RTAMS += int64(i) * 13_000
		drills = append(drills, Drill{Record: r, Answers: sampleAnswers()})
	}
	for i := range drills {
		drills[i].Dir = filepath.Join(dir, filepath.Base(drills[i].Dir))
	}
	if err := WriteAll(dir, drills, WithSkipped(Skip{"mysql/crash", "no Docker here"})); err != nil {
		t.Fatal(err)
	}
	single := filepath.Join(dir, "single")
	if err := os.MkdirAll(single, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteAll(single, drills[:1]); err != nil {
		t.Fatal(err)
	}
}

// TestSkippedDrillsAreNotForgotten: reports that are written anew show what the first ones have shown.
func TestSkippedDrillsAreNotForgotten(t *testing.T) {
	dir := t.TempDir()
	drills := sampleDrills()[:1]
	if err := WriteAll(dir, drills, WithSkipped(Skip{"mysql/crash", "no Docker here"})); err != nil {
		t.Fatal(err)
	}
	was := map[string]string{}
	for _, name := range []string{JUnitFile, HTMLFile, SummaryFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(b), "no Docker here") {
			t.Fatalf("%s does not show it: %v", name, err)
		}
		was[name] = string(b)
	}
	if err := WriteAll(dir, drills); err != nil {
		t.Fatal(err)
	}
	for name, text := range was {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != text {
			t.Errorf("%s is another: %v", name, err)
		}
	}
}
