package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures/container"
)

func (a *app) cleanCommand() *cobra.Command {
	run, dry := "", false
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what dead runs left behind",
		Long: `Clean removes containers, networks, volumes and processes of runs that are dead: whose process
is gone, or that have expired. What belongs to a living run, or to no run, is not touched.`,
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
				things, err = container.Leftovers(cmd.Context())
			case run != "":
				whose = "run " + run
				things, err = container.SweepRun(cmd.Context(), run)
			default:
				things, err = container.Sweep(cmd.Context())
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
