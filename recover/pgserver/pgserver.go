// Package pgserver is a PostgreSQL server on a node as a responder meets it: a data directory, the binaries, and a socket
// over which the server's user is the superuser. The shipped procedures for PostgreSQL are written on it.
package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// refused is the exit status by which a script of [Server.Sh] refuses; the reason is what it wrote to standard error.
const refused = 75

// prelude is what every script begins with. sql asks the node's own server as its superuser; refuse ends a script that
// must not go on and has changed nothing; why shows the end of the server's logs; $NODE is the node's name. end_all sends
// one signal after the other to what still runs in the data directory, also where that was removed under it, and fails
// where something is left.
const prelude = `set -eu
data=$GAMEDAY_PGDATA bin=$GAMEDAY_PGBIN start_log=${GAMEDAY_PGDATA%/*}/gameday-start.log
sql() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h /tmp "$@"; }
refuse() { echo "$*" >&2; exit 75; }
why() {
  tail -n 5 "$start_log" >&2 || :
  logs=$("$bin/postgres" -D "$data" -C log_directory 2>/dev/null)/$("$bin/postgres" -D "$data" -C log_filename 2>/dev/null) || return 0
  case $logs in /*) ;; *) logs=$data/$logs ;; esac
  tail -n 12 "$logs" >&2 || :
}
start() { "$bin/pg_ctl" start --pgdata="$data" --log="$start_log" --wait --timeout=300 --silent "$@" || { why; exit 1; }; }
running() { "$bin/pg_ctl" status --pgdata="$data" >/dev/null 2>&1; }
servers() {
  for p in /proc/[0-9]*; do
    [ "$(cat "$p/comm" 2>/dev/null)" = postgres ] || continue
    case $(readlink "$p/cwd" 2>/dev/null) in "$data"|"$data (deleted)") echo "${p#/proc/}" ;; esac
  done
}
end_all() {
  for signal in "$@"; do
    left=$(servers)
    [ -n "$left" ] || return 0
    kill -s "$signal" $left 2>/dev/null || :
    i=0
    while [ -n "$(servers)" ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
  done
  left=$(servers)
  [ -z "$left" ] || { echo "processes of the server do not end:" $left >&2; exit 1; }
}
`

// Server is the server of one node. It need not run, nor have a data directory.
type Server struct {
	node fixtures.Node
	env  map[string]string
	user string
	out  io.Writer
}

// On is the server of a node, with the job's documented environment.
func On(job recovery.Job, node fixtures.Node) Server {
	env := map[string]string{}
	for k, v := range job.Env {
		if strings.HasPrefix(k, "GAMEDAY_") && !strings.HasPrefix(k, "GAMEDAY_NODE_") && k != recovery.VarWorkDir {
			env[k] = v
		}
	}
	return Server{node: node, env: env, user: job.Env["GAMEDAY_OSUSER"], out: job.Output}
}

// Named is the server of the node with that name.
func Named(job recovery.Job, name string) (Server, error) {
	node, err := recovery.Member(job.System, name)
	if err != nil {
		return Server{}, err
	}
	return On(job, node), nil
}

// Name is the node's; "" of no server at all.
func (s Server) Name() string {
	if s.node == nil {
		return ""
	}
	return s.node.Name()
}

// At is host:port as the other nodes and the cut-over know it.
func (s Server) At() string { return s.Name() + ":" + s.env["GAMEDAY_PORT"] }

// Sh runs a script on the node as the server's user, with the recovery's environment and with further variables. It
// returns what the script printed, without the last line's end. A script that calls refuse gives a [recovery.Refused].
func (s Server) Sh(ctx context.Context, script string, with map[string]string) (string, error) {
	return s.run(ctx, script, with, nil)
}

func (s Server) run(ctx context.Context, script string, with map[string]string, stdin io.Reader) (string, error) {
	var out bytes.Buffer
	err := s.Stream(ctx, script, with, stdin, &out)
	return strings.TrimRight(out.String(), "\n"), err
}

// Stream is Sh with standard input and output of the caller's.
func (s Server) Stream(ctx context.Context, script string, with map[string]string, stdin io.Reader, stdout io.Writer) error {
	env := maps.Clone(s.env)
	env["NODE"] = s.Name() // where nodes are directories, all have one host name
	maps.Copy(env, with)
	_, err := s.node.Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-c", prelude + script}, User: s.user, Dir: "/tmp", Env: env, Stdin: stdin, Stdout: stdout,
	})
	var exit *fixtures.ExitError
	switch {
	case errors.As(err, &exit) && exit.Result.ExitCode == refused:
		return recovery.Refuse("%s", strings.TrimSpace(string(exit.Result.Stderr)))
	case errors.As(err, &exit):
		// The script itself says nothing to whoever reads of its failure.
		return fmt.Errorf("on node %q: exit status %d: %s", s.Name(), exit.Result.ExitCode, lastLines(exit.Result.Stderr))
	}
	return err
}

// Ask runs SQL in a database of the node's server as its superuser, up to the first error, and returns the rows without
// a frame: columns parted by "|".
func (s Server) Ask(ctx context.Context, database, sql string) (string, error) {
	return s.run(ctx, `sql -d "$DATABASE" -f -`, map[string]string{"DATABASE": database}, strings.NewReader(sql))
}

// Say tells whoever reads the recovery's output.
func (s Server) Say(format string, args ...any) {
	fmt.Fprintf(s.out, format+"\n", args...)
}

// State is what a server is doing.
type State string

// The states of a server.
const (
	Absent   State = "absent"      // there is no data directory
	Stopped  State = "stopped"     // it has one, and nothing runs
	Standby  State = "in recovery" // it answers and takes no writes
	Serving  State = "serving"     // it answers and is no standby
	Silenced State = "silent"      // it runs and does not answer
)

// State asks the node itself.
func (s Server) State(ctx context.Context) (State, error) {
	got, err := s.Sh(ctx, `
[ -e "$data/PG_VERSION" ] || { echo absent; exit 0; }
running || { echo stopped; exit 0; }
case $(PGCONNECT_TIMEOUT=5 timeout 10 "$bin/psql" -XAtq -h /tmp -d postgres -c 'SELECT pg_is_in_recovery()' 2>/dev/null || :) in
t) echo in recovery ;;
f) echo serving ;;
*) echo silent ;;
esac`, nil)
	return State(got), err
}

func lastLines(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-16):], "\n")
}
