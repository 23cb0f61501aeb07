// Command gameday runs recovery drills and tells by its exit code whether the recovery works. See exit.go for the codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, kill := interruptible(context.Background(), signals)
	a := &app{
		out: os.Stdout, err: os.Stderr, kill: kill,
		adapter: suites.Adapter,
		compile: func(ctx context.Context, s suites.Suite, dir string) (string, error) { return s.Compile(ctx, dir) },
	}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// interruptible returns a context that the first signal ends, and a channel that the second one closes: what runs gets
// the chance to clean up once. The third signal ends this process.
func interruptible(ctx context.Context, signals <-chan os.Signal) (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancelCause(ctx)
	kill := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			s, _ := (<-signals).(syscall.Signal)
			switch n {
			case 1:
				cancel(&suites.Interrupt{Signal: s})
			case 2:
				close(kill)
			default:
				os.Exit(128 + int(s))
			}
		}
	}()
	return ctx, kill
}
