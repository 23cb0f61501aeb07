package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
)

// Step is one part of a procedure, as the report names it.
type Step struct {
	Name string
	Does string // for its plan: see [PlannedStep]
	Do   func(context.Context) error
}

// Run tells of each step that begins and does it, up to the first that fails, which the error names.
func (j Job) Run(ctx context.Context, steps ...Step) error {
	for _, s := range steps {
		j.Step(s.Name)
		if err := s.Do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// SpareNode is where a procedure restores: the node that is named, or the system's first spare where name is "".
func SpareNode(sys fixtures.System, name string) (fixtures.Node, error) {
	if name != "" {
		return Member(sys, name)
	}
	for _, m := range sys.Members() {
		if m.Role == fixtures.Spare {
			return m.Node, nil
		}
	}
	return nil, errors.New("the system has no spare node to restore on: give the cluster one (Spares: 1)")
}
