package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// Exit codes. They are part of the command's contract: pipelines act on them. An interrupted command ends with 128 and
// the signal's number, as shells do: 130 or 143.
const (
	exitPassed       = 0
	exitFailed       = 1 // a drill failed
	exitUsage        = 2 // the command line, the configuration or a suite's code is wrong: nothing ran
	exitInconclusive = 3 // the question could not be answered: nothing ran, something was lacking, a check could not look
)

// usageError is a mistake of whoever called: what was wrong, which word, and what would be right, in at most 3 lines.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// verdict ends the command with an outcome that has been printed already.
type verdict struct{ outcome reports.Outcome }

func (v *verdict) Error() string { return v.outcome.String() }

// errSaid ends the command as inconclusive when what is wrong has been printed already.
var errSaid = error(&verdict{reports.Inconclusive})

// exitOf maps an error to the exit code. Whatever is not known to be a usage error is inconclusive: a drill that could
// not be looked at must never be taken for one that failed, nor for one that passed.
func exitOf(err error) int {
	var (
		usage       *usageError
		badConfig   *config.Error
		badGo       *suites.GoError
		said        *verdict
		interrupted *suites.Interrupt
	)
	switch {
	case err == nil:
		return exitPassed
	case errors.As(err, &interrupted):
		return 128 + int(interrupted.Signal)
	case errors.As(err, &said):
		return exitOfOutcome(said.outcome)
	case errors.As(err, &usage), errors.As(err, &badConfig), errors.As(err, &badGo):
		return exitUsage
	}
	return exitInconclusive
}

func exitOfOutcome(o reports.Outcome) int {
	switch o {
	case reports.Passed:
		return exitPassed
	case reports.Failed:
		return exitFailed
	}
	return exitInconclusive
}

// main runs one command line and returns its exit code.
func (a *app) main(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err) // the signal decides the code, whatever came of it
	}
	var said *verdict
	if err != nil && !errors.As(err, &said) {
		fmt.Fprintln(a.err, "gameday: "+head(err.Error(), 12))
	}
	return exitOf(err)
}

// head is the first lines of a text.
func head(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	if len(all) <= lines {
		return strings.Join(all, "\n")
	}
	return strings.Join(slices.Concat(all[:lines], []string{fmt.Sprintf("… and %d more lines", len(all)-lines)}), "\n")
}
