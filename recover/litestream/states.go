package litestream

import (
	"context"
	"errors"
	"io"
	"log/slog"

	upstream "github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	"github.com/superfly/ltx"

	recovery "github.com/recoverydrill/gameday/recover"
)

// States are the states of a file that a replica holds, one for each transaction, for whoever wants to look at some of
// them rather than to go back to one.
type States struct{ replica *replica }

// Replica opens the replica at a path. What Litestream says goes to log.
func Replica(path string, log io.Writer) *States {
	l := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := &replica{ReplicaClient: file.NewReplicaClient(path), log: l, unsound: map[string]error{}}
	r.SetLogger(l)
	return &States{r}
}

// Last is the number of the last transaction that the replica holds, whole up to there.
func (s *States) Last(ctx context.Context) (uint64, error) {
	w, err := s.replica.plan(ctx, target{})
	if err == nil && w.short != "" {
		err = recovery.Refuse("%s", w.short)
	}
	return uint64(w.end), err
}

// Restore writes the state after a transaction to a new file. It is a refusal if the replica does not hold that one, whole
// and sound.
func (s *States) Restore(ctx context.Context, transaction uint64, path string) (err error) {
	w, err := s.replica.plan(ctx, target{txid: ltx.TXID(transaction)})
	if err == nil && w.short != "" {
		err = recovery.Refuse("%s", w.short)
	}
	if err != nil {
		return err
	}
	options := upstream.NewRestoreOptions()
	options.OutputPath, options.TXID = path, w.end
	db := upstream.NewDB(path)
	db.SetLogger(s.replica.log)
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	return upstream.NewReplicaWithClient(db, s.replica).Restore(ctx, options)
}
