package recovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// VarCommand marks what a command on the harness's host starts, wherever it goes: it alone gets this variable. The others do
// not tell, since servers of nodes that are processes of this host carry the run's as well.
const VarCommand = "GAMEDAY_COMMAND"

// lookAgain is the time between two looks at processes that are to end.
const lookAgain = 20 * time.Millisecond

// process is a process of this host. Its number, and that of its group, are used again when they are free.
type process struct {
	pid, group int
	start      string // the kernel's start time
}

// hasProc tells whether processes of this host can be looked at.
func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// processOf reads proc(5)'s stat. A zombie is no process any more.
func processOf(pid int) (process, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3 on: state, parent, group
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return process{}, false
	}
	group, err := strconv.Atoi(f[2])
	return process{pid: pid, group: group, start: f[19]}, err == nil
}

// leftIn are the processes of a group that live. Where they cannot be looked at, one without a number stands for all.
func leftIn(group int) (all []process) {
	if !hasProc() {
		if syscall.Kill(-group, 0) == nil {
			all = append(all, process{group: group})
		}
		return all
	}
	for _, pid := range fixtures.ProcessGroup(group) {
		if p, ok := processOf(pid); ok && p.group == group {
			all = append(all, p)
		}
	}
	return all
}

// awaitEmpty waits until a group has no living process any more, and tells whether that has come in time.
func awaitEmpty(group int, limit time.Duration) bool {
	over := time.NewTimer(limit)
	defer over.Stop()
	for len(leftIn(group)) > 0 {
		select {
		case <-over.C:
			return false
		case <-time.After(lookAgain):
		}
	}
	return true
}

// lives tells whether it is still the process that was seen. Its group has then been the same all the time.
func (p process) lives() bool {
	now, ok := processOf(p.pid)
	return ok && now == p || !hasProc()
}

// endGroups kills the groups of the processes that are still there.
func endGroups(left []process) error {
	var errs []error
	for _, p := range left {
		if !p.lives() {
			continue
		}
		if err := syscall.Kill(-p.group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// marked are the processes of this host that were started with NAME=VALUE in their environment. Those of other users are not
// to be seen.
func marked(assignment string) (pids []int) {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil
	}
	for _, path := range paths {
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && isMarked(pid, assignment) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func isMarked(pid int, assignment string) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && strings.Contains("\x00"+string(text), "\x00"+assignment+"\x00")
}

// endMarked kills these processes, and those that they start meanwhile. It goes on although ctx has ended.
func endMarked(ctx context.Context, assignment string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	for {
		pids := marked(assignment)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if err := killMarked(pid, assignment); err != nil {
				return fmt.Errorf("process %d: %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v do not end after SIGKILL: %w", pids, context.Cause(ctx))
		case <-time.After(lookAgain):
		}
	}
}

// killMarked kills a process if it is still a marked one.
func killMarked(pid int, assignment string) error {
	handle, err := os.FindProcess(pid) // on Linux this very process, whoever gets its number
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	if !isMarked(pid, assignment) {
		return nil
	}
	if err := handle.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
