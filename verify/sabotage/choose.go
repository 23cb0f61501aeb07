package sabotage

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

const (
	// Control is the word, among the IDs of acts, that asks for none: the recovery is judged as it is.
	Control = "control"
	// All asks for every act that does not take the recovery's own place.
	All = "all"
)

// Choose picks acts by their IDs, in the order of the IDs. An ID of no act is an
// error that names those there are; one that has no act for this engine gives one that has no occasion.
func Choose(from []Act, ids []string, engine string) ([]Act, error) {
	chosen := []Act{}
	for _, id := range ids {
		switch id {
		case Control:
			continue
		case All:
			for _, a := range from {
				if !a.Instead() && slices.Contains(a.Engines, engine) {
					chosen = append(chosen, a)
				}
			}
			continue
		}
		one, err := find(from, id, engine)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, one)
	}
	return chosen, nil
}

func find(from []Act, id, engine string) (Act, error) {
	var elsewhere *Act
	for i, a := range from {
		switch {
		case a.ID != id:
		case slices.Contains(a.Engines, engine):
			return a, nil
		default:
			elsewhere = &from[i]
		}
	}
	if elsewhere == nil {
		return Act{}, fmt.Errorf("there is no act %q; there are %s", id, strings.Join(IDs(from), ", "))
	}
	a := *elsewhere
	a.Do = func(context.Context, Target) (func(context.Context) error, error) {
		return nil, fmt.Errorf("%w: %s knows nothing of the kind", ErrNotHere, engine)
	}
	return a, nil
}

// IDs lists those of the acts, each once.
func IDs(of []Act) []string {
	var ids []string
	for _, a := range of {
		if !slices.Contains(ids, a.ID) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}
