package suite

import (
	"fmt"
	"os"
	"strings"

	"github.com/recoverydrill/gameday/scenarios/drill/config"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// sabotageOf reads from the environment which acts are done to a scenario's recovered store; nil is a drill. A variable that
// names acts for other scenarios only is an error: nothing that it was set for may look like a drill.
func sabotageOf(scenario, engine string) ([]sabotage.Act, error) {
	value := strings.TrimSpace(os.Getenv(config.SabotageVariable))
	if value == "" {
		return nil, nil
	}
	var ids []string
	for _, word := range strings.Split(value, ",") {
		name, id, named := strings.Cut(strings.TrimSpace(word), ":")
		switch {
		case !named:
			ids = append(ids, name)
		case name == scenario:
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s=%q is set and names no act for %s: nothing is run", config.SabotageVariable, value, scenario)
	}
	acts, err := sabotage.Choose(sabotage.Generic(), ids, engine)
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", config.SabotageVariable, value, err)
	}
	return acts, nil
}
