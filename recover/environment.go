package recovery

import (
	"maps"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// Variables of the environment that every recovery gets, whatever the engine. The engine adds its own (see
// [fixtures.Responder]): connection data of the damaged system, the vault, the names of the nodes.
const (
	VarRun     = fixtures.RunVariable   // the run's ID
	VarOwner   = fixtures.OwnerVariable // the process that started it; a sweep needs it to tell a dead run's processes
	VarDrill   = "GAMEDAY_DRILL"        // the scenario's stable ID
	VarWorkDir = "GAMEDAY_WORKDIR"      // an empty directory on the harness's host

	// The target, in every form an engine takes; all empty when the recovery is asked to lose as little as possible.
	VarTargetLabel    = "GAMEDAY_TARGET_LABEL"    // the scenario's words
	VarTargetName     = "GAMEDAY_TARGET_NAME"     // the engine's name: a restore point
	VarTargetPosition = "GAMEDAY_TARGET_POSITION" // the engine's position: an LSN, a GTID set
	VarTargetTime     = "GAMEDAY_TARGET_TIME"     // the server's clock: 2026-11-22 08:30:00.123456+00
	VarTargetTimeline = "GAMEDAY_TARGET_TIMELINE" // the branch of history that the target lies on
)

// TimeFormat is the form of GAMEDAY_TARGET_TIME: what psql prints for a timestamptz in UTC, to the microsecond.
const TimeFormat = "2006-01-02 15:04:05.000000-07"

// Environment joins what the engine tells a responder with the run's and the target's variables.
func Environment(engine map[string]string, run fixtures.Run, drill, workDir string, target fixtures.Mark) map[string]string {
	env := maps.Clone(engine)
	if env == nil {
		env = map[string]string{}
	}
	when := ""
	if !target.Time.IsZero() {
		when = target.Time.UTC().Format(TimeFormat)
	}
	maps.Copy(env, map[string]string{
		VarRun: run.ID, VarOwner: run.Owner.String(), VarDrill: drill, VarWorkDir: workDir,
		VarTargetLabel: target.Label, VarTargetName: target.Name, VarTargetPosition: target.Position,
		VarTargetTime: when, VarTargetTimeline: target.Timeline,
	})
	return env
}

// assignments is the environment as NAME=VALUE, sorted, so that two runs list it alike.
func assignments(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// forNode is what of the environment goes into a command on a node: not what has a meaning on the harness's host only,
// nor the engine's own variables, which would make its client there somebody else than the server's user.
func forNode(env map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range env {
		if strings.HasPrefix(k, "GAMEDAY_") && !strings.HasPrefix(k, "GAMEDAY_NODE_") && k != VarWorkDir {
			out[k] = v
		}
	}
	return out
}
