package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
)

// app is what the commands share.
type app struct {
	out, err io.Writer
	kill     <-chan struct{} // closed by the second signal
	adapter  string          // import path by which suites are recognised
	compile  func(ctx context.Context, s suites.Suite, dir string) (string, error)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gameday",
		Short: "Rehearse the recovery of your data",
		Long: `gameday breaks a real datastore, runs your own recovery on it, and judges by evidence
whether the right data came back into service, and how fast.

Exit codes:
  0    passed: every drill passed
  1    failed: data is lost or damaged, or an objective was missed
  2    the command line, the configuration or a suite's code is wrong; nothing ran
  3    inconclusive: nothing ran, something was lacking, or a check could not look
  130  interrupted (143: terminated); what was running was cleaned up`,
		Example: `  gameday doctor
  gameday run ./scenarios/postgres --label flagship
  gameday judge gameday-report/20260102T030405Z-a1b2c3`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:       version(),
	}
	root.SetVersionTemplate("gameday {{.Version}}\n")
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.runCommand(), a.listCommand(), a.planCommand(), a.manifestCommand(), a.sabotageCommand(), a.judgeCommand(), a.reportCommand(),
		a.imagesCommand(), a.doctorCommand(), a.cleanCommand(), a.versionCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// unknownCommand is the Args of a command that only has subcommands.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	text := fmt.Sprintf("%q is no command of %s", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2 // letters; 0 suggests nothing
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %q?", cmd.CommandPath()+" "+near[0])
	}
	return usagef("%s\ncommands are %s", text, strings.Join(names, ", "))
}

// flagError says which word of the command line was not understood, and which would be.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return usagef("there is no option %s of %s\noptions are %s", name, cmd.CommandPath(), strings.Join(options(cmd), ", "))
	case errors.As(err, &empty):
		return usagef("option --%s needs a value: %s", empty.GetFlag().Name, meaning(empty.GetFlag()))
	case errors.As(err, &invalid):
		return usagef("option --%s does not take %q: %s", invalid.GetFlag().Name, invalid.GetValue(), meaning(invalid.GetFlag()))
	}
	return usagef("%v", err)
}

// meaning says what a flag's value is.
func meaning(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	if f.Value.Type() == "duration" {
		return "a duration such as 30m or 1h30m: " + usage
	}
	return usage
}

func options(cmd *cobra.Command) []string {
	var all []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return all
}

// atLeastOne is the Args of a command that needs an argument, with a sentence that says which.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return usagef("%s needs %s\nusage: %s", cmd.Name(), what, cmd.UseLine())
	}
}

// none is the Args of a command that takes no argument.
func none(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no argument, got %q\nusage: %s", cmd.Name(), args[0], cmd.UseLine())
}
