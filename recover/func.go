package recovery

import "context"

// function is a recovery by a Go function.
type function struct {
	name string
	do   func(ctx context.Context, job Job) error
}

var _ Recovery = function{}

// Func is a recovery by a Go function.
func Func(name string, do func(ctx context.Context, job Job) error) Recovery {
	return function{name: name, do: do}
}

func (f function) Name() string                               { return f.name }
func (f function) Recover(ctx context.Context, job Job) error { return f.do(ctx, job) }
