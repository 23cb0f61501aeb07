package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/container/docker"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/rundir"
)

func (a *app) cleanCommand() *cobra.Command {
	run, dry := "", false
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what dead runs left behind",
		Long: `Clean removes containers, networks, volumes, processes and directories of runs that are dead:
whose process is gone, or that have expired. What belongs to a living run, or to no run, is not
touched.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dry && run != "" {
				return usagef("options --run and --dry-run do not go together")
			}
			var things []string
			var err error
			did, whose := "removed", "dead runs"
			switch {
			case dry:
				did = "would remove"
				var kept []string
				things, kept, err = leftovers(cmd.Context())
				for _, t := range kept {
					fmt.Fprintf(a.out, "keeps %s\n", t)
				}
			case run != "":
				whose = "run " + run
				things, err = everywhere(
					func() ([]string, error) { return container.SweepRun(cmd.Context(), run) },
					func() ([]string, error) { return embedded.SweepRun(cmd.Context(), run) },
				)
			default:
				things, err = everywhere(
					func() ([]string, error) { return container.Sweep(cmd.Context()) },
					func() ([]string, error) { return embedded.Sweep(cmd.Context()) },
				)
			}
			for _, t := range things { // also where the rest could not be removed
				fmt.Fprintf(a.out, "%s %s\n", did, t)
			}
			if len(things) == 0 && err == nil {
				fmt.Fprintln(a.out, "nothing is left of "+whose)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "only what the run with this `ID` left; refused while the run lives")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only list what would be removed")
	return cmd
}

// leftovers lists what dead runs have left, in containers and on this host, and what is kept although nobody may need it.
func leftovers(ctx context.Context) (dead, kept []string, err error) {
	dead, err = everywhere(func() (dead []string, err error) {
		dead, kept, err = container.Leftovers(ctx)
		return dead, err
	}, rundir.Leftovers)
	return dead, kept, err
}

// everywhere joins what was done in several places.
func everywhere(places ...func() ([]string, error)) (things []string, err error) {
	var errs []error
	for _, place := range places {
		found, err := place()
		things = append(things, found...)
		errs = append(errs, withoutDocker(err))
	}
	return things, errors.Join(errs...)
}

// withoutDocker leaves out of an error that there is no Docker on this machine: it holds nothing then. An engine that is
// here and does not answer may.
func withoutDocker(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // its parts are looked at one by one
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, withoutDocker(e))
		}
		return errors.Join(errs...)
	}
	if absent := (*docker.AbsentError)(nil); errors.As(err, &absent) && absent.Nowhere() {
		return nil
	}
	return err
}
