// Package mysqlhost is what the procedures for MySQL and MariaDB have in common: a machine on which one of them handles a
// server as its own user, what it has come to there, and the replay of an archived binary log.
package mysqlhost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// DefaultLimit is how long each of a start of a server, a stop, a copy and a replay may take where a procedure says
// nothing else.
const DefaultLimit = 5 * time.Minute

// Host is a machine on which a procedure handles a server.
type Host struct {
	Job     recovery.Job
	Node    fixtures.Node
	Flavour Flavour
	Limit   time.Duration // of each script; see [DefaultLimit]
}

// On is the machine for a job, whose environment says which of the two servers there is.
func On(job recovery.Job, node fixtures.Node, limit time.Duration) (Host, error) {
	f, err := flavourOf(job.Env["GAMEDAY_ENGINE"])
	if err != nil {
		return Host{}, err
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	return Host{Job: job, Node: node, Flavour: f, Limit: limit}, nil
}

// Spare is On for the machine that a procedure restores on: the node that is named, or the system's first spare.
func Spare(job recovery.Job, name string, limit time.Duration) (Host, error) {
	node, err := recovery.SpareNode(job.System, name)
	if err != nil {
		return Host{}, err
	}
	return On(job, node, limit)
}

// InRun tells what one run has left on a machine, with its repetitions, from what others have: " in run ID".
func (h Host) InRun() string { return " in run " + cmp.Or(h.Job.Env["GAMEDAY_RUN"], "no-run") }

// Beside is another machine of the same job.
func (h Host) Beside(node fixtures.Node) Host {
	h.Node = node
	return h
}

// IsMariaDB tells the flavour.
func (h Host) IsMariaDB() bool { return h.Flavour.Client == "mariadb" }

// prelude is what every script may use: info reads what the backup says about itself, sql asks the server through its
// local socket as the superuser, vertical does so with a line for each column, alive tells whether a process is, ours
// prints the ID of the server that runs here for this procedure or by itself, start starts it and returns when it answers,
// stop ends it by a signal. A server notes its own ID before it is one, so that whoever comes after a procedure that was
// killed finds it. One whose note is gone, with the data or without, is found by what it was started with.
const prelude = `
info() { sed -n "s/^$1=//p" "$GAMEDAY_BACKUP/gameday-backup.info"; }
sql() { "$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --batch --skip-column-names --execute="$1"; }
vertical() { "$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --vertical --execute="$1"; }
alive() { case "$(sed -n 's/^State:[^A-Z]*\([A-Z]\).*/\1/p' "/proc/$1/status" 2>/dev/null || :)" in ''|Z|X) return 1 ;; esac; }
ours() {
	for noted in "$GAMEDAY_DATADIR.pid" "$GAMEDAY_PIDFILE"; do
		pid=$(cat "$noted" 2>/dev/null || :)
		test -n "$pid" && alive "$pid" || continue
		case "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || :)" in *"$GAMEDAY_SERVER --defaults-file=$GAMEDAY_CONFIG "*) echo "$pid"; return ;; esac
	done
	for told in $(grep -lsF -e "--defaults-file=$GAMEDAY_CONFIG" /proc/[0-9]*/cmdline || :); do
		pid=${told#/proc/} pid=${pid%/cmdline}
		case "$(tr '\0' ' ' 2>/dev/null <"$told" || :)" in "$GAMEDAY_SERVER --defaults-file=$GAMEDAY_CONFIG "*) echo "$pid"; return ;; esac
	done
}
launch() {
	setsid sh -c 'echo $$ >"$GAMEDAY_DATADIR.pid"; exec "$@"' sh "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" "$@" </dev/null >"$GAMEDAY_DATADIR.start.log" 2>&1 &
	pid=$!
	until ready; do
		alive "$pid" || { tail -n 20 "$(sed -n 's/^log_error = "\(.*\)"$/\1/p' "$GAMEDAY_CONFIG")" "$GAMEDAY_DATADIR.start.log" >&2; exit 1; }
		sleep 0.1
	done
}
ready() { sql 'SELECT 1' >/dev/null 2>&1; }
start() { launch "$@"; }
stop() {
	pid=$(ours)
	test -n "$pid" || return 0
	kill "-$1" "$pid"
	while alive "$pid"; do sleep 0.05; done
}
`

// inherited are the variables of the recovery's environment that scripts use.
var inherited = []string{
	"GAMEDAY_VAULT", "GAMEDAY_BACKUP", "GAMEDAY_BINLOG_DIR", "GAMEDAY_DATADIR", "GAMEDAY_CONFIG", "GAMEDAY_CLIENT_CONFIG", "GAMEDAY_SERVER",
	"GAMEDAY_PIDFILE", "GAMEDAY_SOCKET", "GAMEDAY_OSUSER", "GAMEDAY_PORT", "GAMEDAY_VERSION", "GAMEDAY_USER", "GAMEDAY_PASSWORD",
}

// Sh runs a script of sh on the machine as the server's user, with the recovery's environment, and returns what it printed
// without the space around it. It ends at the first command that fails. To print more than [fixtures.OutputLimit] bytes is
// an error, because the first of them would be lost: see [Host.Stream].
func (h Host) Sh(ctx context.Context, script string, env map[string]string) (string, error) {
	return h.Feed(ctx, script, env, nil)
}

// Feed is Sh with something to read for the script.
func (h Host) Feed(ctx context.Context, script string, env map[string]string, stdin io.Reader) (string, error) {
	res, err := h.run(ctx, script, env, stdin, nil)
	if err == nil && res.Truncated && len(res.Stdout) == fixtures.OutputLimit {
		return "", fmt.Errorf("on node %q: a script has printed more than %d bytes, and the first of them are lost", h.Name(), fixtures.OutputLimit)
	}
	return strings.TrimSpace(string(res.Stdout)), err
}

// Stream is Sh with a place for what the script prints, as it is and however much it is.
func (h Host) Stream(ctx context.Context, script string, env map[string]string, stdout io.Writer) error {
	_, err := h.run(ctx, script, env, nil, stdout)
	return err
}

func (h Host) run(ctx context.Context, script string, env map[string]string, stdin io.Reader, stdout io.Writer) (fixtures.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Limit)
	defer cancel()
	all := map[string]string{"CLIENT": h.Flavour.Client, "BINLOG": h.Flavour.binlog, "DUMP": h.Flavour.dump, "CHECK": h.Flavour.check}
	for _, k := range inherited {
		all[k] = h.Job.Env[k]
	}
	maps.Copy(all, env)
	res, err := h.Node.Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", prelude + script}, User: h.Job.Env["GAMEDAY_OSUSER"], Env: all, Dir: "/tmp", Stdin: stdin, Stdout: stdout,
	})
	var exit *fixtures.ExitError
	if errors.As(err, &exit) {
		if said, ok := strings.CutPrefix(lastLine(exit.Result.Stderr), refusal); ok {
			return fixtures.Result{}, recovery.Refuse("%s", said)
		}
	}
	return res, err
}

// refusal is what a script says before it ends because it must not go on; it has changed nothing.
const refusal = "gameday: refuse "

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// Name is the machine's, by which the others reach it.
func (h Host) Name() string { return h.Node.Name() }

// Say writes a line to the recovery's output.
func (h Host) Say(format string, args ...any) error {
	_, err := fmt.Fprintf(h.Job.Output, h.Name()+": "+format+"\n", args...)
	return err
}

// SQL asks the machine's server a question as the superuser, through its local socket.
func (h Host) SQL(ctx context.Context, question string) (string, error) {
	return h.Sh(ctx, `sql "$QUESTION"`, map[string]string{"QUESTION": question})
}

// LargestPacket is the option by which clients and servers take statements of any size. A row that a client could just
// write is larger in a dump and in a log as text, where it is hexadecimal or base64.
const LargestPacket = "--max-allowed-packet=1G"

// StartClosed starts a server that nobody reaches but these scripts, and that does nothing by itself: no events of its
// schedule, no replication whose configuration came with the backup.
func (h Host) StartClosed(ctx context.Context, more ...string) error {
	options := append([]string{"--skip-networking", "--event-scheduler=OFF", LargestPacket, h.Flavour.Closed}, more...)
	_, err := h.Sh(ctx, "start "+strings.Join(options, " "), nil)
	return err
}

// Detach makes a restored copy a server of its own, which follows nobody and knows which transactions it has.
func (h Host) Detach(ctx context.Context) error {
	_, err := h.Sh(ctx, `gtid=$(info gtid); sql "`+h.Flavour.begin+`"`, nil)
	return err
}

// StartOpen starts the server anew, as it is configured and nothing else: what was set for the replay is gone, and it has
// shown that it starts.
func (h Host) StartOpen(ctx context.Context) error {
	_, err := h.Sh(ctx, "stop TERM; start", nil)
	return err
}

// Stop ends the server in good order; none is no error.
func (h Host) Stop(ctx context.Context) error {
	_, err := h.Sh(ctx, "stop TERM", nil)
	return err
}

// CutOver sends clients to the machine.
func (h Host) CutOver(ctx context.Context) error {
	return h.Job.CutOver(ctx, h.Node.Name()+":"+h.Job.Env["GAMEDAY_PORT"])
}

// Flavour is how the two servers differ.
type Flavour struct {
	Client string // the client's program
	Closed string // the option that lets no replication begin

	binlog, dump, check string // other programs

	begin  string // what makes a restored copy a server of its own; $gtid is where the backup stands
	byGTID string // the option that ends a replay with certain transactions
	has    string // asks for the transactions that are in the server
}

// MySQL's copy knows which transactions are in it. MariaDB's is told: it reads them from its binary log, and a backup has
// none, so that it would number new transactions like old ones.
var flavours = map[string]Flavour{
	"mysql": {
		Client: "mysql", binlog: "mysqlbinlog", dump: "mysqldump", check: "mysqlcheck", Closed: "--skip-replica-start",
		begin: "RESET REPLICA ALL", byGTID: "--include-gtids", has: "SELECT replace(@@global.gtid_executed, '\n', '')",
	},
	"mariadb": {
		Client: "mariadb", binlog: "mariadb-binlog", dump: "mariadb-dump", check: "mariadb-check", Closed: "--skip-slave-start",
		begin:  "RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_binlog_state = '$gtid'",
		byGTID: "--stop-position", has: "SELECT @@global.gtid_binlog_pos",
	},
}

func flavourOf(engine string) (Flavour, error) {
	f, ok := flavours[engine]
	if !ok {
		return Flavour{}, fmt.Errorf("the system is %q: want mysql or mariadb", engine)
	}
	return f, nil
}
