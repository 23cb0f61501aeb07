package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// sabotageOptions are the command's own, beside those of a run.
type sabotageOptions struct {
	runOptions
	acts     []string
	quick    bool
	minScore float64
}

func (a *app) sabotageCommand() *cobra.Command {
	var o sabotageOptions
	cmd := &cobra.Command{
		Use:   "sabotage [PACKAGES...]",
		Short: "Make good recoveries wrong on purpose and tell whether the drills notice",
		Long: `Sabotage runs each drill as it is, which must pass, and then does something to the recovered
store that looks fine and is wrong: a row less and another more, a dropped trigger, an older
copy behind the route. The drill's own checks must then fail. Each act is taken back, and the
store must pass again before the next one; what nothing takes back has a run of its own, and so
has the recovery that does nothing and says that all went well. What acts are done to is chosen
by the seed from what the store held at the mark, so they fit any schema.

It prints what each act was caught by, the score (acts caught of those tried), and for each act
that escaped the check that would have seen it. An act that only made checks unable to tell is
noticed and not proven; it does not count as caught. One for which the store gives no occasion
is not applicable and does not count at all.

Exit codes: 0 if every drill reaches the score, 1 if one does not, 3 if that could not be told:
a drill does not pass as it is, or an act could not be tried.`,
		Example: `  gameday sabotage ./scenarios/sqlite --label flagship
  gameday sabotage ./drills --focus 'dropped table' --acts A17,B1,D7
  gameday sabotage ./drills --quick --min-score 90 --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.patterns = args
			return a.sabotage(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.flags(cmd)
	f.StringSliceVar(&o.acts, "acts", nil, "`IDs` of the acts to try, separated by commas (default all)")
	f.BoolVar(&o.quick, "quick", false, "try a handful of acts only: "+strings.Join(sabotage.Quick(), ", "))
	f.Float64Var(&o.minScore, "min-score", 100, "`percent` of the acts tried that every drill must catch")
	f.StringVar(&o.reportDir, "report-dir", "", "`directory` below which each run's evidence and reports go (default "+defaultReportDir+")")
	f.StringVar(&o.on, "on", "", "`where` drills' systems live: "+strings.Join(config.Providers(), ", ")+" (default "+config.Auto+")")
	f.DurationVar(&o.timeout, "timeout", 0, "`limit` for each run of a suite (default "+short(defaultTimeout)+")")
	f.Int64Var(&o.seed, "seed", 0, "`number` from which every random choice comes; 0 draws one")
	f.StringVar(&o.config, "config", "", "configuration `file` (default "+config.FileName+", if there is one)")
	f.StringVarP(&o.output, "output", "o", "text", "`format` of what is printed: text or json")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show all that the suites print")
	return cmd
}

// chosen splits the acts that were asked for into those upon a recovered store, as the suites take them, and those that take
// the recovery's own place.
func (o sabotageOptions) chosen() (upon, instead []string, err error) {
	all := sabotage.Generic()
	known := sabotage.IDs(all)
	switch {
	case o.minScore < 0 || o.minScore > 100:
		return nil, nil, usagef("option --min-score does not take %v: it is a percentage", o.minScore)
	case o.quick && len(o.acts) > 0:
		return nil, nil, usagef("options --quick and --acts exclude each other")
	case o.quick:
		o.acts = sabotage.Quick()
	}
	everything := len(o.acts) == 0
	if everything {
		o.acts, upon = known, []string{sabotage.All}
	}
	for _, id := range o.acts {
		i := slices.IndexFunc(all, func(a sabotage.Act) bool { return a.ID == id })
		switch {
		case i < 0:
			return nil, nil, usagef("option --acts: there is no act %q\nthere are %s", id, strings.Join(known, ", "))
		case all[i].Instead():
			instead = append(instead, id)
		case !everything:
			upon = append(upon, id)
		}
	}
	return append([]string{sabotage.Control}, upon...), instead, nil
}

func (a *app) sabotage(ctx context.Context, o sabotageOptions) error {
	upon, instead, err := o.chosen()
	if err != nil {
		return err
	}
	if o.runOptions, err = o.runOptions.complete(); err != nil {
		return err
	}
	found, err := a.find(ctx, o.patterns)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gameday-suites-")
	if err != nil {
		return fmt.Errorf("make a directory for the suites' binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	board := scoreboard{MinScore: o.minScore, Skipped: []skipped{}}
	for _, s := range found {
		t := trial{app: a, suite: s, o: o, dir: dir, board: &board}
		a.note("compiling %s", s.Package)
		if t.binary, err = a.compile(ctx, s, dir); err != nil {
			return err
		}
		if err := t.run(ctx, upon, instead); err != nil {
			return err
		}
	}
	if board.nothing() {
		return usagef("no drill matches %s", o.selection.String())
	}
	outcome := board.settle()
	if err := board.print(a.out, o.output); err != nil {
		return err
	}
	return &verdict{outcome}
}

// trial is one suite that is run again and again until every act has been tried on each of its drills.
type trial struct {
	*app
	suite  suites.Suite
	binary string
	dir    string
	o      sabotageOptions
	board  *scoreboard
	runs   int
}

// mostStuck is how many runs in a row may try nothing new: the store of a drill that could not be tried once may be well the
// next time.
const mostStuck = 2

func (t *trial) run(ctx context.Context, upon, instead []string) error {
	empty, err := t.once(ctx, strings.Join(upon, ","))
	if err != nil || empty {
		return err
	}
	// A busy machine makes a drill inconclusive, and the next run may tell. A recovery that failed is not asked again.
	for range mostStuck {
		if !t.board.unsure(t.suite.Package) || ctx.Err() != nil {
			break
		}
		if _, err := t.once(ctx, strings.Join(upon, ",")); err != nil {
			return err
		}
	}
	for stuck := 0; stuck < mostStuck && ctx.Err() == nil; {
		left, tried := t.board.left(t.suite.Package), t.board.tried(t.suite.Package)
		if len(left) == 0 {
			break
		}
		if _, err := t.once(ctx, strings.Join(left, ",")); err != nil {
			return err
		}
		if t.board.tried(t.suite.Package) == tried {
			stuck++
		} else {
			stuck = 0
		}
	}
	for _, id := range instead {
		sound := t.board.sound(t.suite.Package, id)
		if len(sound) == 0 || ctx.Err() != nil {
			continue
		}
		if _, err := t.once(ctx, strings.Join(sound, ",")); err != nil {
			return err
		}
	}
	return nil
}

// once runs the suite with some acts and takes what its records say. empty is true where the filters matched nothing.
func (t *trial) once(ctx context.Context, acts string) (empty bool, err error) {
	t.runs++
	o := t.o.runOptions
	o.sabotage = acts
	report := filepath.Join(t.dir, fmt.Sprintf("%s-%d.json", filepath.Base(t.binary), t.runs))
	left, said, err := t.execute(ctx, t.suite, t.binary, report, o)
	if err != nil {
		return false, err
	}
	if left.empty() {
		return true, nil
	}
	if len(left.drills) == 0 && said != "" && !o.verbose {
		fmt.Fprintf(t.err, "gameday: what %s printed:\n%s\n", t.suite.Package, said)
	}
	t.board.add(t.suite.Package, left, t.runs == 1)
	return false, nil
}
