// Package labtest opens real systems for the tests of the shipped procedures.
package labtest

import (
	"context"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
)

// System is what can be closed again.
type System interface {
	Close(ctx context.Context) error
}

// Open opens a system in containers, and has it removed with all that it was made of when the test ends. The context ends
// after the limit. A test that is to be short is skipped.
func Open[S System](t *testing.T, limit time.Duration, open func(context.Context, fixtures.Run, fixtures.Provider) (S, error)) (context.Context, fixtures.Run, S) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Docker")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	run, err := fixtures.NewRun(t.TempDir())
	NoError(t, err)
	provider, err := container.New(ctx, run, container.Options{Images: images.New(images.Options{Build: true, Log: t.Output()})})
	NoError(t, err)
	t.Cleanup(func() { NoError(t, provider.Close(context.WithoutCancel(ctx))) })
	s, err := open(ctx, run, provider)
	NoError(t, err)
	t.Cleanup(func() { NoError(t, s.Close(context.WithoutCancel(ctx))) })
	return ctx, run, s
}

// NoError ends a test that cannot go on.
func NoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
