package calibration_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures/probe"
)

// phase is a state of the scripted server and how long it lasts.
type phase struct {
	state state
	lasts time.Duration
	claim bool // a recovery believes to be done when it begins
}

const ms = time.Millisecond

// scripted are the outages of the scripted server. Each is followed by good service, unless it ends with never.
func scripted() []struct {
	name   string
	phases []phase
	slow   bool
} {
	type one = struct {
		name   string
		phases []phase
		slow   bool
	}
	var all []one
	for _, length := range []time.Duration{200 * ms, 500 * ms, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second} {
		all = append(all, one{fmt.Sprintf("refused for %s", length), []phase{{refuses, length, false}}, length > 2*time.Second})
	}
	return append(all, []one{
		{"frozen for 2s", []phase{{frozen, 2 * time.Second, false}}, false},
		{"frozen for 5s", []phase{{frozen, 5 * time.Second, false}}, true},
		{"flapping: 300 down, 200 up, 300 down, 100 up, 400 down", []phase{{refuses, 300 * ms, false}, {healthy, 200 * ms, true}, {refuses, 300 * ms, false}, {healthy, 100 * ms, true}, {refuses, 400 * ms, false}}, false},
		{"the port opens early: refused 500, silent 1500", []phase{{refuses, 500 * ms, false}, {silent, 1500 * ms, true}}, false},
		{"a maintenance page answers: refused 300, constant 900", []phase{{refuses, 300 * ms, false}, {constant, 900 * ms, true}}, false},
		{"a cache answers: refused 300, cached 900", []phase{{refuses, 300 * ms, false}, {cached, 900 * ms, true}}, false},
		{"an empty store answers: refused 300, empty 900", []phase{{refuses, 300 * ms, false}, {empty, 900 * ms, true}}, false},
		{"read-only: refused 300, read-only 900", []phase{{refuses, 300 * ms, false}, {readOnly, 900 * ms, true}}, false},
		{"new connections are refused, kept ones are answered for 1s", []phase{{oldAlive, time.Second, true}}, false},
		{"kept connections reach the old server, whose rows are wrong, for 1s", []phase{{oldWrong, time.Second, true}}, false},
		{"a maintenance page to the end", []phase{{refuses, 300 * ms, false}, {constant, 500 * ms, true}, {never, 0, false}}, false},
		{"a cache to the end", []phase{{cached, 500 * ms, true}, {never, 0, false}}, false},
		{"read-only to the end", []phase{{readOnly, 800 * ms, true}, {never, 0, false}}, false},
	}...)
}

func TestScriptedOutages(t *testing.T) {
	for _, c := range scripted() {
		t.Run(c.name, func(t *testing.T) {
			var s *server
			o := outage{name: c.name, slow: c.slow, never: c.phases[len(c.phases)-1].state == never}
			if c.phases[0].state == oldWrong { // one of up to 24 kept connections, one in each interval
				o.early = 25 * interval
			}
			o.script = func(_ context.Context, m *moments) error {
				if c.phases[0].state == oldAlive { // every tenth question is over a new connection
					m.declare = 10 * interval
				}
				for _, p := range c.phases {
					m.lose()
					if p.state == never { // as it was to the end
						return nil
					}
					s.become(p.state)
					if p.claim {
						m.claim()
					}
					m.pause(p.lasts)
				}
				return m.mend(func() error { s.become(healthy); return nil })
			}
			calibrate(t, func() watched {
				s = newServer()
				return watched{dial: s.Dial, address: func() string { return "scripted" }, canaries: []probe.Canary{{Name: "row", Want: known}}}
			}, o)
		})
	}
}

// TestPinnedPool: kept connections hang on a dead host from before the cut-over, while new ones are served. The outage ends
// for whoever connects anew; what was sent over the kept ones is late and ends them.
func TestPinnedPool(t *testing.T) {
	var s *server
	calibrate(t, func() watched {
		s = newServer()
		return watched{dial: s.Dial, address: func() string { return "scripted" }, canaries: []probe.Canary{{Name: "row", Want: known}}}
	}, outage{name: "a pool pins a dead host: 1s without any answer, then new connections are served", script: func(_ context.Context, m *moments) error {
		m.lose()
		s.become(silent)
		m.pause(time.Second)
		m.claim()
		return m.mend(func() error { s.become(pinned); return nil })
	}})
}

// TestMeasureSeesAWrongClock: the measure itself must be able to fail.
func TestMeasureSeesAWrongClock(t *testing.T) {
	s := newServer()
	w := watched{dial: s.Dial, address: func() string { return "scripted" }, canaries: []probe.Canary{{Name: "row", Want: known}}}
	r := measure(t, w, outage{script: func(_ context.Context, m *moments) error {
		m.lose()
		s.become(refuses)
		m.pause(300 * ms)
		s.become(healthy)
		m.pause(200 * ms) // the script believes that it mends only now
		return m.mend(func() error { return nil })
	}})
	if r.errorMS > -100 {
		t.Errorf("an end that is noted 200 ms late is not told from the true one: %+v", r)
	}
}
