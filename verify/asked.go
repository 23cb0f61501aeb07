package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// asked is one question of a team's own to the restored store, with what came of it.
type asked[Q any] struct {
	Question Q                `json:"question"`
	At       time.Time        `json:"at"` // by the harness's clock
	Answer   *fixtures.Answer `json:"answer,omitempty"`
	Of       *fixtures.Answer `json:"of,omitempty"`
	Broken   *fixtures.Answer `json:"broken,omitempty"` // after the change that must break it
	Changed  int64            `json:"changed,omitempty"`
	After    *fixtures.Answer `json:"after,omitempty"` // once the change was taken back
	Error    string           `json:"error,omitempty"`
}

// askAll puts every question to the store. One that cannot be asked does not stop the others.
func askAll[Q any](ctx context.Context, sys fixtures.System, all []Q, ask func(fixtures.Asker, *asked[Q]) error) ([]byte, error) {
	asker, ok := sys.(fixtures.Asker)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.Asker", For: "put questions to the restored store"}
	}
	out := make([]asked[Q], len(all))
	for i, q := range all {
		out[i] = asked[Q]{Question: q, At: time.Now().UTC()}
		if err := ask(asker, &out[i]); err != nil {
			out[i].Error = err.Error()
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return json.Marshal(out)
}

// answersTo reads back what askAll has collected. want is what the scenario asks; none takes what was asked. Each must be
// there, in order, and be the same: an answer to another question is none.
func answersTo[Q comparable](e *Evidence, check string, want []Q) ([]asked[Q], error) {
	b, ok := e.Extra[check]
	if !ok {
		return nil, errors.New("nobody asked the restored store")
	}
	var all []asked[Q]
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("what it answered cannot be read: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("there was nothing to ask")
	}
	if want != nil && len(all) != len(want) {
		return nil, fmt.Errorf("%d questions were asked, the scenario has %d", len(all), len(want))
	}
	for i := range want {
		if all[i].Question != want[i] {
			return nil, fmt.Errorf("question %d is not the scenario's", i+1)
		}
	}
	return all, nil
}

// unanswered is a finding where an answer is none: an error, or a warning of the server's.
func unanswered(name, database, failed string, all ...*fixtures.Answer) *reports.Finding {
	f := reports.Finding{Where: reports.Place{Database: database}, Question: reports.BackedUp, Hint: "run the statement on the restored store by hand, as the account that the scenario names"}
	if failed != "" {
		f.Summary = fmt.Sprintf("%s could not be asked: %s", name, failed)
		return &f
	}
	for _, a := range all {
		switch {
		case a == nil:
			f.Summary = name + " has no answer"
			return &f
		case len(a.Warnings) > 0:
			f.Summary = fmt.Sprintf("%s: the server warned: %s", name, strings.Join(a.Warnings, "; "))
			return &f
		}
	}
	return nil
}

// single is the one value of an answer; ok is false where it is NULL, or there is no row.
func single(a *fixtures.Answer) (text string, ok bool, err error) {
	switch {
	case a.Total == 0:
		return "", false, nil
	case a.Total != 1 || len(a.Rows) != 1 || len(a.Rows[0]) != 1:
		return "", false, fmt.Errorf("it returned %s, want one value", plural(a.Total, "row"))
	case a.Rows[0][0] == nil:
		return "", false, nil
	}
	return *a.Rows[0][0], true, nil
}

func rowText(columns []string, row []*string) string {
	parts := make([]string, len(row))
	for i, v := range row {
		text := "NULL"
		if v != nil {
			text = *v
		}
		if i < len(columns) {
			text = columns[i] + "=" + text
		}
		parts[i] = text
	}
	return strings.Join(parts, " ")
}
