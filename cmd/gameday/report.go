package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/reports"
)

func (a *app) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report DIR...",
		Short: "Write the reports of a run anew from its records",
		Long: `Report reads the records below each directory (a run's, or one drill's) and writes junit.xml,
report.html and summary.md there anew. It judges nothing: see "gameday judge".`,
		Example: `  gameday report gameday-report/20260102T030405Z-a1b2c3`,
		Args:    atLeastOne("the directory of a run or a drill"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, dir := range args {
				drills, err := readEvidence(dir)
				if err != nil {
					return err
				}
				if err := reports.WriteAll(dir, drills); err != nil {
					return err
				}
				fmt.Fprintln(a.out, filepath.Join(dir, reports.HTMLFile))
			}
			return nil
		},
	}
}

// readEvidence reads the drills below a directory that a person named. A directory without any is that person's mistake.
func readEvidence(dir string) ([]reports.Drill, error) {
	drills, err := reports.ReadRun(dir)
	if err != nil {
		return nil, usagef("%v", err)
	}
	for _, d := range drills {
		if d.Record.SchemaVersion != 0 { // a record that was read, not one that stands for a missing one
			return drills, nil
		}
	}
	return nil, usagef("%s holds no evidence: neither it nor a directory below it has a %s that can be read\nname the directory of a run (its path is printed at the end of gameday run) or of one drill",
		dir, reports.RecordFile)
}
