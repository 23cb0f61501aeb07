package reports

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// Schema is the version of the record's JSON form. It changes when a reader of the old form would be misled.
const Schema = 1

// Names of the files in a drill's evidence directory.
const (
	RecordFile = "record.json"
	LedgerFile = "ledger.jsonl"
	ProbeFile  = "probe.jsonl"
	RowsFile   = "traffic-rows.jsonl" // traffic's tables as found after the recovery
	OutputFile = "recovery.log"       // the recovery's output, secrets masked
	// PlanFile and PreflightFile hold what it printed when it was asked before it was run.
	PlanFile      = "plan.log"
	PreflightFile = "preflight.log"
	JUnitFile     = "junit.xml" // this and the next two are of the whole run
	HTMLFile      = "report.html"
	SummaryFile   = "summary.md"

	BaselineDir = "baseline" // manifest.json and rows files at the mark
	DamagedDir  = "damaged"  // the same, of the damaged store
	FoundDir    = "found"    // the same, after the recovery
	// ManifestFile is the manifest's name in each of those.
	ManifestFile = "manifest.json"
)

// Record is everything about one drill that is not bulk data. It never holds secrets. All durations carry their unit
// in the name; *NS fields called "…_ns" without "duration" are points on the run's monotonic clock, the ledger's.
type Record struct {
	SchemaVersion int    `json:"schema_version"`
	Run           string `json:"run"`
	Scenario      string `json:"scenario"` // stable ID, the drill's identity over runs: "postgres/replicated-bad-write"
	Title         string `json:"title"`    // the scenario in words
	Owner         string `json:"owner"`
	Disaster      string `json:"disaster"`
	Runbook       string `json:"runbook,omitempty"` // a link or path
	File          string `json:"file,omitempty"`    // of the scenario, relative to the module
	Line          int    `json:"line,omitempty"`
	Reproduce     string `json:"reproduce"`       // the command that repeats this drill
	Level         Level  `json:"level,omitempty"` // how deep the verdict looks; "" is [Full]
	Seed          int64  `json:"seed"`
	Nonce         string `json:"nonce"`

	Started  time.Time `json:"started"` // UTC; the zero of the drill's monotonic clock
	Finished time.Time `json:"finished"`

	Host          Host               `json:"host"`
	System        fixtures.Info      `json:"system"`
	Objective     Objective          `json:"objective"`
	Answers       []Question         `json:"answers"`
	Settings      []fixtures.Setting `json:"settings"`                 // durability as read back before the fault
	SettingsAfter []fixtures.Setting `json:"settings_after,omitempty"` // and after the recovery

	Phases   []Phase           `json:"phases"`
	Backups  []fixtures.Backup `json:"backups"`
	Marks    []fixtures.Mark   `json:"marks"`
	Target   *fixtures.Mark    `json:"target,omitempty"` // the mark that the recovery was asked to return to
	Canaries []probe.Canary    `json:"canaries"`
	// TablesAsked is how many tables and partitions the service clock asked about, of TablesAskable that it could have.
	TablesAsked   int `json:"tables_asked,omitempty"`
	TablesAskable int `json:"tables_askable,omitempty"`

	Fault    *Fault    `json:"fault,omitempty"`
	Recovery *Recovery `json:"recovery,omitempty"`
	Restore  *Restore  `json:"restore,omitempty"` // of a real backup; there is no fault, no traffic and no service clock then
	Traffic  Traffic   `json:"traffic"`
	Service  Service   `json:"service"`

	MustRefuse bool        `json:"must_refuse,omitempty"` // the recovery had to refuse, and to leave everything as it was
	PlanDigest string      `json:"plan_digest,omitempty"` // of the plan that was agreed on; "" accepts any
	Meanwhile  []Meanwhile `json:"meanwhile,omitempty"`   // what was broken while the recovery ran
	Sabotage   *Sabotage   `json:"sabotage,omitempty"`    // it is no drill: its recovery was made wrong on purpose

	Checks  []CheckResult `json:"checks"`
	Teeth   *Teeth        `json:"teeth,omitempty"` // that the checks notice what is wrong
	Waivers []Waiver      `json:"waivers,omitempty"`
	Outcome Outcome       `json:"outcome"`
	// Accepted is what the scenario's own checks take for right; nil is nothing.
	Accepted *Accepted `json:"accepted,omitempty"`
	// Tolerate are the columns that were not compared to the last bit.
	Tolerate []fixtures.ColumnTolerance `json:"tolerate,omitempty"`
	// Refreshed are the materialized views that may hold what their queries give instead of what they held.
	Refreshed []RefreshedView `json:"refreshed,omitempty"`
	// Disposable are the tables that may be empty instead of holding what they held.
	Disposable []Disposable `json:"disposable,omitempty"`

	Headline string `json:"headline"`        // one line: why
	Error    string `json:"error,omitempty"` // why the drill could not go on, where it could not

	Dir      string         `json:"dir,omitempty"` // where the drill left its evidence, as a person would type it
	Evidence []EvidenceFile `json:"evidence"`
}

// Accepted are differences that the recovery of a drill is known to make.
type Accepted struct {
	NewSystem  bool      `json:"new_system,omitempty"`  // a new system identifier: a logical restore
	SameBranch bool      `json:"same_branch,omitempty"` // a new store that continues the old one's branch of history: a copy
	Allow      []Allowed `json:"allow,omitempty"`       // differences of structure

	// LastStandby is why clients may be sent to the only standby, so that none is left; OnStandbys are differences of structure
	// between them and their primary.
	LastStandby string    `json:"last_standby,omitempty"`
	OnStandbys  []Allowed `json:"on_standbys,omitempty"`
}

// Host is where the harness ran.
type Host struct {
	Name     string `json:"name"`
	OS       string `json:"os"`
	CPUs     int    `json:"cpus"`
	CPU      string `json:"cpu"`
	MemoryMB int64  `json:"memory_mb"`
	Go       string `json:"go"`
	Gameday  string `json:"gameday"` // version or revision of this module

	// Pressed is the share of the time, in percent, in which something on this host waited for a processor, from the
	// recovery's start to the end of the verification; -1 where the host does not tell (Linux: /proc/pressure/cpu).
	Pressed float64 `json:"cpu_pressed_percent"`
	// Stalled is the share of the same time in which nothing on this host ran, because all that was not idle waited for a disk;
	// -1 where the host does not tell (Linux: "full" in /proc/pressure/io).
	Stalled float64 `json:"io_stalled_percent"`
	Docker  string  `json:"docker,omitempty"`
	Started string  `json:"started_by,omitempty"` // user or CI job
}

// Objective is what was asked for. A zero duration asks for nothing.
type Objective struct {
	RTOMS      int64  `json:"rto_ms"`
	RPOMS      int64  `json:"rpo_ms"`
	LostWrites *int64 `json:"lost_writes,omitempty"` // the most acknowledged writes that may be gone; nil asks for nothing

	// LostRows may be gone although they were there at the mark.
	LostRows []LostRows `json:"lost_rows,omitempty"`
}

// LostRows are rows of one table that lay on damaged storage, and of which there is no copy. Only rows that the fault is
// known to have hit may be gone ([Fault.Hit]), and no row may have changed.
type LostRows struct {
	Database string `json:"database"`
	Table    string `json:"table"` // schema.table
	Most     int64  `json:"most"`
	Reason   string `json:"reason"`
}

// RefreshedView is a materialized view that the recovery fills anew, as a logical restore does: its rows need not be those of
// the mark, where they are just what its query gives over the rows that came back. An older state that the view kept on
// purpose is lost then.
type RefreshedView struct {
	Database string `json:"database"`
	View     string `json:"view"`   // schema.view
	Reason   string `json:"reason"` // why that is right: shown in the report
}

// Name is the view as people call it: "shop.public.totals".
func (v RefreshedView) Name() string { return v.Database + "." + v.View }

// String is what a report shows: "shop.public.totals: reason".
func (v RefreshedView) String() string { return v.Name() + ": " + v.Reason }

// Disposable are tables that lose their rows with the server by their definition: unlogged ones of PostgreSQL, which are empty after
// a crash, a recovery to a moment and a promotion, and those of the engine MEMORY of MySQL and MariaDB, which are after every
// start. They may hold the rows of the mark or none at all.
type Disposable struct {
	Database string `json:"database"`
	Table    string `json:"table"`  // schema.table, a pattern as of path.Match, in which "*" does not cross "/"; of MySQL with all partitions
	Reason   string `json:"reason"` // why nobody misses the rows: shown in the report
}

// Covers says whether a table is meant; table is its full name.
func (d Disposable) Covers(database, table string) bool {
	table, _, _ = strings.Cut(table, "#p#")
	match, err := path.Match(d.Table, table)
	return err == nil && match && d.Database == database
}

// Valid says what is lacking.
func (d Disposable) Valid() error {
	if _, err := path.Match(d.Table, ""); err != nil || d.Database == "" || d.Table == "" || strings.TrimSpace(d.Reason) == "" {
		return fmt.Errorf("the disposable table %q needs a database, a table (schema.table, or a valid pattern) and a reason", d.Name())
	}
	return nil
}

// Name is the table as people call it: "shop.public.cache_*"; where a schema is a database, "shop.cache_*".
func (d Disposable) Name() string {
	if strings.HasPrefix(d.Table, d.Database+".") {
		return d.Table
	}
	return d.Database + "." + d.Table
}

// String is what a report shows: "shop.public.cache_*: reason".
func (d Disposable) String() string { return d.Name() + ": " + d.Reason }

// Phase is one span of a drill: "seed", "backup", "traffic", "mark", "break", "recover", "verify".
type Phase struct {
	Name    string `json:"name"`
	StartNS int64  `json:"start_ns"`
	EndNS   int64  `json:"end_ns"` // 0 while it runs
	Error   string `json:"error,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Fault is the damage, and the proof that it was real.
type Fault struct {
	Name         string    `json:"name"`
	Class        string    `json:"class"` // "bad write", "deletion", "corruption", "network"
	Description  string    `json:"description"`
	InjectNS     int64     `json:"inject_ns"`        // just before the injection
	InjectedNS   int64     `json:"injected_ns"`      // the injection had returned
	EffectNS     int64     `json:"effect_ns"`        // the first effect seen, or InjectedNS where none was dated
	Proven       bool      `json:"proven"`           // the damage was seen
	Silent       bool      `json:"silent,omitempty"` // by the fault itself only: neither clients nor the store's contents show it
	Proof        []Finding `json:"proof"`            // what the checks said of the damaged store (the first so many)
	ProofTotal   int       `json:"proof_total"`
	Propagated   string    `json:"propagated"` // where to, in words; "" where the fault does not spread
	PropagatedNS int64     `json:"propagated_ns,omitempty"`
	HealedNS     int64     `json:"healed_ns,omitempty"` // where it was healed before the verification
	Notes        []string  `json:"notes,omitempty"`

	// Hit is the rows that the fault says it has hit, in tables of which the objective lets some be lost.
	Hit []Place `json:"hit,omitempty"`
}

// Meanwhile is a fault that was injected while the recovery ran.
type Meanwhile struct {
	Name        string `json:"name"`
	Class       string `json:"class"`
	Description string `json:"description"`
	At          string `json:"at"`              // the moment, in words: "when the step \"replay\" began"
	Until       string `json:"until,omitempty"` // when it was to be healed; "" is the recovery's end
	InjectNS    int64  `json:"inject_ns"`       // just before the injection; 0 where the moment never came
	InjectedNS  int64  `json:"injected_ns"`     // the injection had returned
	HealedNS    int64  `json:"healed_ns"`       // 0 where it cannot be healed, or was not
	Proven      bool   `json:"proven"`          // its effect was seen
	Proof       string `json:"proof,omitempty"` // what the fault says of its effect
	Error       string `json:"error,omitempty"` // why it was not injected, not proven or not healed
}

// After says that the fault had struck only when the recovery had ended already, which then withstood nothing.
func (m Meanwhile) After(r *Recovery) bool {
	return r != nil && r.EndedNS > 0 && max(m.InjectNS, m.InjectedNS) >= r.EndedNS
}

// Recovery is what the team's automation did.
type Recovery struct {
	Name        string                 `json:"name"`
	Command     []string               `json:"command,omitempty"`
	DeclaredNS  int64                  `json:"declared_ns"` // when it was started
	EndedNS     int64                  `json:"ended_ns"`
	ExitCode    int                    `json:"exit_code"`
	Error       string                 `json:"error,omitempty"`
	Refused     string                 `json:"refused,omitempty"` // why it refused, in its own words; "" where it did not
	Steps       []Step                 `json:"steps"`
	CutOvers    []fixtures.RouteChange `json:"cut_overs"`
	Tried       []string               `json:"tried_cut_overs,omitempty"` // where it would have sent clients, and was not let
	Privilege   string                 `json:"privilege,omitempty"`       // why it was given more than a responder has
	Plan        *RecoveryPlan          `json:"plan,omitempty"`            // as it was told before the start; nil where it has none
	Preflight   *Preflight             `json:"preflight,omitempty"`       // the same
	Usage       []NodeUsage            `json:"usage,omitempty"`           // of the whole recovery
	OutputBytes int64                  `json:"output_bytes"`
	OutputTail  []string               `json:"output_tail"` // its last lines, secrets masked
}

// Step is one "gameday: step NAME" of a recovery, up to the next.
type Step struct {
	Name    string `json:"name"`
	StartNS int64  `json:"start_ns"`
	EndNS   int64  `json:"end_ns"`

	Usage []NodeUsage `json:"usage,omitempty"` // nodes in the order of the system's
}

// RecoveryPlan is what a recovery said that it would do.
type RecoveryPlan struct {
	Steps   []PlannedStep `json:"steps"`
	Digest  string        `json:"digest"`
	Refused string        `json:"refused,omitempty"` // it refused when it was asked
	Error   string        `json:"error,omitempty"`   // why there is no plan, where it has one
}

// PlannedStep is one step of a plan.
type PlannedStep struct {
	Name string `json:"name"`
	Does string `json:"does"`
}

// Preflight is what a recovery said that it needs.
type Preflight struct {
	Needs   []Need `json:"needs"`
	Refused string `json:"refused,omitempty"`
	Error   string `json:"error,omitempty"` // why it could not look
}

// Need is one thing that a recovery needs.
type Need struct {
	Resource       string `json:"resource"` // "disk", "memory", "backup", "log", "key", "permission", "node"
	Where          string `json:"where"`
	NeededBytes    int64  `json:"needed_bytes,omitempty"`
	AvailableBytes int64  `json:"available_bytes,omitempty"`
	Met            bool   `json:"met"`
	Detail         string `json:"detail,omitempty"`
}

// HostUsage is the name under which a record holds what a recovery has used outside of the system's nodes: a command on
// the harness's host, a container beside the nodes.
const HostUsage = "the command itself"

// NodeUsage is what was used on one node during a span of time, as far as it was looked at: about twice a second. A figure
// that nobody can tell is -1.
type NodeUsage struct {
	Node            string `json:"node"`
	Unmeasured      string `json:"unmeasured,omitempty"` // why nothing is known; the figures are -1 then
	CPUMS           int64  `json:"cpu_ms"`
	BytesRead       int64  `json:"bytes_read"`
	BytesWritten    int64  `json:"bytes_written"`
	PeakMemoryBytes int64  `json:"peak_memory_bytes"`
	PeakDiskBytes   int64  `json:"peak_disk_bytes"`
	DiskGrowthBytes int64  `json:"disk_growth_bytes"` // the most by which the disks grew from their lowest
}

// Traffic sums up the ledger after reconciliation. Losses are of the recovered store, against what clients were told.
type Traffic struct {
	Clients      int   `json:"clients"`
	Attempted    int64 `json:"attempted"`
	Acknowledged int64 `json:"acknowledged"`
	Refused      int64 `json:"refused"`
	Unknown      int64 `json:"unknown"`

	AcknowledgedBeforeMark int64 `json:"acknowledged_before_mark"`
	AcknowledgedAfter      int64 `json:"acknowledged_after_recovery"`

	Lost           int64 `json:"lost"` // acknowledged and gone: the RPA in writes
	LostBeforeMark int64 `json:"lost_before_mark"`
	RPAMS          int64 `json:"rpa_ms"`               // from the oldest lost acknowledgement to the fault or the last lost one, the later
	RPAOwnMS       int64 `json:"rpa_own_ms,omitempty"` // of which the drill itself took so long between the mark that was to be returned to and the recovery
	Judged         bool  `json:"judged"`               // false: never reconciled, the two numbers mean nothing
}

// Service sums up the service clock.
type Service struct {
	IntervalMS     int64 `json:"interval_ms"`
	Needed         int   `json:"needed"` // consecutive correct answers that end an outage
	Asked          int64 `json:"asked"`
	Correct        int64 `json:"correct"`
	Wrong          int64 `json:"wrong"`
	Errors         int64 `json:"errors"`
	FirstBadNS     int64 `json:"first_bad_ns"`     // first failed or wrong answer at or after the injection; 0 if none
	BackNS         int64 `json:"back_ns"`          // first of the correct answers that ended the outage; 0 if never
	RTAMS          int64 `json:"rta_ms"`           // BackNS minus the fault's first effect; published only if verification passed
	FromDeclaredMS int64 `json:"from_declared_ms"` // BackNS minus the recovery's start
	ClaimedMS      int64 `json:"claimed_ms"`       // the recovery's end by its own word, minus the first effect
	Reached        bool  `json:"reached"`          // service came back and verification passed: RTAMS is an RTA
}

// CheckResult is what one check said.
type CheckResult struct {
	Name       string    `json:"name"`
	Promise    string    `json:"promise"` // what it checks, in one sentence
	Outcome    Outcome   `json:"outcome"`
	Covered    Coverage  `json:"covered"`
	Findings   []Finding `json:"findings"`       // the first so many
	Total      int       `json:"findings_total"` // all of them
	DurationMS int64     `json:"duration_ms"`

	Questions []Question `json:"questions,omitempty"` // which of the seven the check speaks to
}

// Coverage is what a check looked at. A check that covered less than was planned is inconclusive.
type Coverage struct {
	What    string `json:"what"` // "tables", "operations", "objects", "probes"
	Planned int64  `json:"planned"`
	Looked  int64  `json:"looked"`
	Rows    int64  `json:"rows,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Lost    int64  `json:"lost,omitempty"` // rows that are gone, as the objective allows

	// Untried is how many of what was looked at were not shown to be able to fail: invariants without Breaks.
	Untried int64 `json:"untried,omitempty"`
}

// Finding is one thing that a person should know: what was wanted, what was found, where, and what to do.
type Finding struct {
	Outcome  Outcome  `json:"outcome"` // Failed: damage is proven; Inconclusive: could not look
	Summary  string   `json:"summary"` // one line, the number first
	Where    Place    `json:"where"`
	Wanted   string   `json:"wanted,omitempty"`
	Found    string   `json:"found,omitempty"`
	Examples []string `json:"examples,omitempty"` // the first so many rows or lines
	Hint     string   `json:"hint,omitempty"`     // what to do
	Question Question `json:"question,omitempty"`
	RowsFile string   `json:"rows_file,omitempty"` // with the key of every row that it is about, relative to the drill's directory
}

// Place says where in the store.
type Place struct {
	Node     string   `json:"node,omitempty"`
	Database string   `json:"database,omitempty"`
	Table    string   `json:"table,omitempty"`
	Keys     []string `json:"keys,omitempty"`
	Object   string   `json:"object,omitempty"`
}

// Question is one of the seven questions of a recovery plan, 1 to 7.
type Question int

// The seven questions.
const (
	BackedUp  Question = iota + 1 // did you back the right data up
	Findable                      // can you find the backup
	InService                     // can you bring the data back into service
	Plan                          // what exactly will the recovery do
	Capacity                      // have you the storage and processing for it
	Harmless                      // will it break or corrupt anything
	InTime                        // is it quick enough
)

var questionTexts = [...]string{
	"", "Did you back the right data up?", "Can you find the backup?", "Can you bring the data back into service?",
	"What exactly will the recovery do?", "Have you the storage and processing for it?",
	"Will it break or corrupt anything?", "Is it quick enough?",
}

// String is the question's text.
func (q Question) String() string {
	if q < 1 || int(q) >= len(questionTexts) {
		return "no question"
	}
	return questionTexts[q]
}

// Waiver switches a check off for a stated reason; it is shown beside the verdict.
type Waiver struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// EvidenceFile is one file in the evidence directory.
type EvidenceFile struct {
	Path   string `json:"path"` // relative to the directory
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	What   string `json:"what"`
}
