package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// HeldLog is log that piles up on the primary's disk because somebody keeps it there. Clients do not see it until the disk
// is full.
type HeldLog struct {
	why  fixtures.LogHold
	done bool
}

var (
	_ Fault  = (*HeldLog)(nil)
	_ Healer = (*HeldLog)(nil)
	_ Prover = (*HeldLog)(nil)
	_ Silent = (*HeldLog)(nil)
)

// AbandonSlot leaves a replication slot behind that nobody reads from.
func AbandonSlot() *HeldLog { return &HeldLog{why: fixtures.AbandonedSlot} }

// StickArchive makes every attempt to archive the log fail.
func StickArchive() *HeldLog { return &HeldLog{why: fixtures.StuckArchive} }

// Describe names the reason.
func (h *HeldLog) Describe() Description {
	d := Description{Name: string(h.why), Class: resource, Detail: "the log piles up because its archive takes nothing"}
	if h.why == fixtures.AbandonedSlot {
		d.Detail = "the log piles up because of a replication slot that nobody reads from"
	}
	return d
}

// IsSilent is true: clients are served.
func (h *HeldLog) IsSilent() bool { return true }

// heldBytes of log are written at once, so that it is seen to pile up: two segments of PostgreSQL's.
const heldBytes = 32 << 20

// Inject keeps the log, and writes some.
func (h *HeldLog) Inject(ctx context.Context, sys fixtures.System) error {
	holder, ok := sys.(fixtures.LogHolder)
	if !ok {
		return unsupported(sys, "fixtures.LogHolder", "let its log pile up")
	}
	h.done = true
	if err := holder.HoldLog(ctx, h.why); err != nil {
		return err
	}
	return holder.WriteLog(ctx, heldBytes)
}

// Heal ends the reason. What has piled up, the server removes by itself.
func (h *HeldLog) Heal(ctx context.Context, sys fixtures.System) error {
	if !h.done {
		return nil
	}
	return sys.(fixtures.LogHolder).ReleaseLog(ctx, h.why) //nolint:forcetypeassert // Inject has seen that it is one
}

// Prove asks how much log is kept.
func (h *HeldLog) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	holder, ok := sys.(fixtures.LogHolder)
	if !ok {
		return "", unsupported(sys, "fixtures.LogHolder", "ask how much log it keeps")
	}
	held, err := holder.LogHeld(ctx, h.why)
	if err != nil {
		return "", err
	}
	if held < heldBytes/2 {
		return "", fmt.Errorf("%w: %d bytes of log are kept for the %s", ErrNotSeen, held, h.why)
	}
	return fmt.Sprintf("%d MiB of log are kept for the %s", held>>20, h.why), nil
}

// FullLog is a disk that is full of the server's own log, because its archive takes none of it: nothing can be written any
// more. Nothing heals it but a recovery.
type FullLog struct{ disk FullDisk }

var (
	_ Fault  = (*FullLog)(nil)
	_ Outage = (*FullLog)(nil)
	_ Prover = (*FullLog)(nil)
)

// FillLog makes every attempt to archive the log fail, and writes log until the data disk of the primary is full and it
// takes no write any more. The disk must be a limited one (Disk of the cluster).
func FillLog() *FullLog { return &FullLog{} }

// Describe says so.
func (f *FullLog) Describe() Description {
	return Description{Name: "log disk full", Class: resource, Detail: "the archive takes no log, which piles up until the primary's disk is full"}
}

// IsOutage is true: the primary cannot write.
func (f *FullLog) IsOutage() bool { return true }

// mostLog is more than a limited disk can hold.
const mostLog = 16 << 30

// mostRefused is how often the server may refuse to take more log, each a second after the one before, until it is said
// that it does so with room on its disk.
const mostRefused = 30

// Inject returns when the server takes no more log.
func (f *FullLog) Inject(ctx context.Context, sys fixtures.System) error {
	holder, ok := sys.(fixtures.LogHolder)
	if !ok {
		return unsupported(sys, "fixtures.LogHolder", "let its log pile up")
	}
	n, dir, err := f.disk.where(ctx, sys)
	if err != nil {
		return err
	}
	if err := isLimited(n, runAs(ctx, n, "", limitedScript, dir)); err != nil {
		return err
	}
	if err := holder.HoldLog(ctx, fixtures.StuckArchive); err != nil {
		return err
	}
	refused := 0
	for written := int64(0); written < mostLog; written += heldBytes {
		if holder.WriteLog(ctx, heldBytes) == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, err := f.free(ctx, sys)
		if refused++; !errors.Is(err, ErrNotSeen) || refused == mostRefused {
			return err
		}
		select { // it has crashed, and may have found some room on its way back
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the server takes any amount of log, and its disk is not full")
}

// free tells how much is free on the disk, and an error that wraps [ErrNotSeen] where that is enough for more log.
func (f *FullLog) free(ctx context.Context, sys fixtures.System) (free int64, err error) {
	n, dir, err := f.disk.where(ctx, sys)
	if err != nil {
		return 0, err
	}
	said, err := shell(ctx, n, freeScript, dir)
	if err != nil {
		return 0, fmt.Errorf("look at the disk: %w", err)
	}
	if free, err = strconv.ParseInt(said, 10, 64); err == nil && free >= heldBytes {
		err = fmt.Errorf("%w: %d bytes are free on the primary's data disk", ErrNotSeen, free)
	}
	return free, err
}

// Prove asks how much is free.
func (f *FullLog) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	free, err := f.free(ctx, sys)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes are free on the primary's data disk", free), nil
}
