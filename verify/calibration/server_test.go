package calibration_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/recoverydrill/gameday/fixtures/probe"
)

// state is how a scripted service behaves from some moment on.
type state int

const (
	healthy  state = iota
	refuses        // nobody listens, and whoever was connected is cut off
	silent         // it lets clients in and answers nothing
	frozen         // what was sent before and during it is answered when it ends
	readOnly       // it reads and does not write
	constant       // something else answers, always the same: a maintenance page
	cached         // a cache answers reads with what it has seen before
	empty          // another store, writable and without the rows
	pinned         // new connections are served well; those from before reach a dead host
	oldAlive       // new connections are refused; those from before reach the old server, which still works
	oldWrong       // new connections are served well; those from before reach the old server, whose rows are wrong
	never          // refuses, to the end
)

var (
	errRefused  = errors.New("connection refused")
	errReadOnly = errors.New("cannot execute INSERT in a read-only transaction")
)

// server is a service in memory that keeps what clients write and answers as its state has it. It is asked as an engine's
// asker asks: a token is written and read back, and a row is read whose value is known.
type server struct {
	mu      sync.Mutex
	state   state
	epoch   int
	changed chan struct{}
	last    string // the token of the last write
	seen    string // what a cache holds
}

func newServer() *server { return &server{changed: make(chan struct{})} }

// become changes the state; connections made before are told by their epoch.
func (s *server) become(to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.seen = to, s.last
	s.epoch++
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) now() (state, int, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.epoch, s.changed
}

// Dial is a [probe.Dialer].
func (s *server) Dial(ctx context.Context, _ string) (probe.Asker, error) {
	for {
		now, epoch, changed := s.now()
		switch now {
		case refuses, never, oldAlive:
			return nil, errRefused
		case frozen:
			if err := wait(ctx, changed); err != nil {
				return nil, err
			}
		default:
			return &connection{s: s, epoch: epoch}, nil
		}
	}
}

// wait waits for a change.
func wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type connection struct {
	s     *server
	epoch int  // of the server when it was made
	cut   bool // by an outage since
}

// known is the value of the canary's row.
const known = "right"

// Ask is the question of an engine's asker.
func (c *connection) Ask(ctx context.Context, token string, canary probe.Canary) error {
	s := c.s
	for {
		now, epoch, changed := s.now()
		before := c.epoch < epoch
		switch {
		case now == refuses, now == never, c.cut:
			c.cut = true
			return errRefused
		case now == silent, now == pinned && before:
			<-ctx.Done() // whatever was sent to it is lost
			return ctx.Err()
		case now == frozen:
			if err := wait(ctx, changed); err != nil {
				return err
			}
			continue
		case now == readOnly:
			return errReadOnly
		}
		return s.answer(now, before, token, canary)
	}
}

func (s *server) answer(now state, before bool, token string, canary probe.Canary) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, read := known, token
	switch {
	case now == constant:
		row, read = "OK", "OK"
	case now == cached:
		read = s.seen
	case now == empty, now == oldWrong && before:
		row = ""
	default:
		s.last = token
	}
	if read != token {
		return fmt.Errorf("%w: wrote %q, read %q", probe.ErrWrong, token, read)
	}
	if row != canary.Want {
		return fmt.Errorf("%w: %s is %q, not %q", probe.ErrWrong, canary.Name, row, canary.Want)
	}
	return nil
}

// Close ends the connection.
func (*connection) Close() error { return nil }
