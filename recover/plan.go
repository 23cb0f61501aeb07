package recovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Optional abilities of a recovery: what it says before it does anything.
type (
	// Planner says what the recovery will do for this job. It changes nothing.
	Planner interface {
		Plan(ctx context.Context, job Job) (Plan, error)
	}
	// Preflighter says what the recovery needs for this job, and what of it is there. It changes nothing. An error says
	// that it could not look; that something is missing is a [Need], not an error.
	Preflighter interface {
		Preflight(ctx context.Context, job Job) ([]Need, error)
	}
)

// Plan is what a recovery will do, in the order in which it will.
type Plan struct {
	Steps []PlannedStep `json:"steps"`
}

// PlannedStep is one step of a plan. Its name is the one that the recovery tells when the step begins.
type PlannedStep struct {
	Name string `json:"name"`
	Does string `json:"does"` // in words or as a command line; what differs from run to run (a path, a position) is left out
}

// Digest is the same for two plans that say the same: 16 hexadecimal digits.
func (p Plan) Digest() string {
	b, _ := json.Marshal(p) //nolint:errchkjson // strings only
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// PlanOf is the plan of a procedure that runs these steps with [Job.Run].
func PlanOf(steps ...Step) Plan {
	var p Plan
	for _, s := range steps {
		p.Steps = append(p.Steps, PlannedStep{Name: s.Name, Does: s.Does})
	}
	return p
}

// Resource is what a need is about.
type Resource string

// The resources.
const (
	NeedsDisk       Resource = "disk"       // bytes
	NeedsMemory     Resource = "memory"     // bytes
	NeedsBackup     Resource = "backup"     // one that begins before the target and can be read
	NeedsLog        Resource = "log"        // from the backup to the target, without a gap
	NeedsKey        Resource = "key"        // to decrypt, to log in
	NeedsPermission Resource = "permission" // of the responder
	NeedsNode       Resource = "node"       // a machine to restore on, with the right binaries
)

// Need is one thing that a recovery needs.
type Need struct {
	Resource  Resource `json:"resource"`
	Where     string   `json:"where"`     // the node, the path
	Needed    int64    `json:"needed"`    // bytes, of disk and memory; else 0
	Available int64    `json:"available"` // bytes, of disk and memory; else 0
	Met       bool     `json:"met"`
	Detail    string   `json:"detail"` // what was looked at and found, in one line
}
