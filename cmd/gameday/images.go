package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container/docker"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// wantedImages are those that the main job needs in containers.
var wantedImages = []images.Spec{{Engine: "postgres", Version: "17"}}

func (a *app) imagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "images",
		Short: "Show, get or build the images that nodes are made from",
		Long: `A node needs an image that holds its engine's binaries. It is, in this order: the one that
gameday.yaml names under "images:", the official one if it is here, one built here, the official
one pulled, or one built now from Debian packages.`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	path := cmd.PersistentFlags().String("config", "", "configuration `file` (default "+config.FileName+", if there is one)")
	resolver := func() (*images.Resolver, error) {
		conf, err := runOptions{config: *path}.load()
		if err != nil {
			return nil, err
		}
		return images.New(images.Options{Overrides: conf.Images, Build: true, Log: a.err}), nil
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "Show which image each engine and version would use", Args: none,
			RunE: func(cmd *cobra.Command, _ []string) error {
				r, err := resolver()
				if err != nil {
					return err
				}
				return a.listImages(cmd.Context(), r)
			},
		},
		a.ensureCommand(resolver),
		&cobra.Command{
			Use: "build [ENGINE:VERSION...]", Short: "Build images here from Debian packages (default " + wantedImages[0].String() + ")",
			RunE: func(cmd *cobra.Command, args []string) error {
				specs, err := imageSpecs(args)
				if err != nil {
					return err
				}
				r, err := resolver()
				return a.eachImage(cmd.Context(), specs, err, func(ctx context.Context, s images.Spec) error {
					i, err := r.Build(ctx, s)
					if err == nil {
						fmt.Fprintf(a.out, "%s\t%s\t%s\t%s\n", s, i.Origin, i.Reference, i.Digest)
					}
					return err
				})
			},
		},
	)
	return cmd
}

func (a *app) ensureCommand(resolver func() (*images.Resolver, error)) *cobra.Command {
	where := string(fixtures.InContainers)
	cmd := &cobra.Command{
		Use: "ensure [ENGINE:VERSION...]", Short: "Have images ready: pulled, or built here (default " + wantedImages[0].String() + ")",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := config.CheckProvider(where); err != nil {
				return usagef("option --on: %v", err)
			}
			specs, err := imageSpecs(args)
			if err != nil {
				return err
			}
			if needed, why := imagesNeeded(cmd.Context(), where); !needed {
				a.note("no images are needed: %s", why)
				return nil
			}
			r, err := resolver()
			return a.eachImage(cmd.Context(), specs, err, func(ctx context.Context, s images.Spec) error {
				i, err := r.Resolve(ctx, s)
				if err == nil {
					fmt.Fprintf(a.out, "%s\t%s\t%s\t%s\n", s, i.Origin, i.Reference, i.Digest)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&where, "on", where, "do nothing unless drills that run `where` need images: auto, container, process, embedded")
	return cmd
}

// imagesNeeded tells whether drills need images that run with an option --on, and why not.
func imagesNeeded(ctx context.Context, where string) (needed bool, why string) {
	switch where {
	case string(fixtures.InContainers):
		return true, ""
	case config.Auto:
		_, err := docker.Engine(ctx)
		if absent := (*docker.AbsentError)(nil); errors.As(err, &absent) {
			return false, absent.Brief()
		}
		return true, "" // whatever else is wrong is told by who needs the engine
	}
	return false, "drills run on " + where
}

func (a *app) eachImage(ctx context.Context, specs []images.Spec, err error, do func(context.Context, images.Spec) error) error {
	if err != nil {
		return err
	}
	for _, s := range specs {
		if err := do(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// imageSpecs reads engine:version words.
func imageSpecs(names []string) ([]images.Spec, error) {
	if len(names) == 0 {
		return wantedImages, nil
	}
	var specs []images.Spec
	for _, name := range names {
		engine, version, _ := strings.Cut(name, ":")
		s := images.Spec{Engine: engine, Version: version}
		if !slices.Contains(images.Known(), s) {
			var known []string
			for _, k := range images.Known() {
				known = append(known, k.String())
			}
			return nil, usagef("%q is no engine:version that can be had\nknown are %s", name, strings.Join(known, ", "))
		}
		specs = append(specs, s)
	}
	return specs, nil
}

func (a *app) listImages(ctx context.Context, r *images.Resolver) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "IMAGE\tUSES\tHERE\tDIGEST")
	for _, s := range images.Known() {
		i, here, err := r.Look(ctx, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s, i.Reference, map[bool]string{true: "yes", false: "no"}[here], cmp.Or(i.Digest, "-"))
	}
	return w.Flush()
}
