package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress passes on what a suite prints to standard error, its lines "gameday: ..." with the time since its start, and
// learns from "gameday: report DIR" where its evidence lies. It is safe for concurrent use.
type progress struct {
	mu      sync.Mutex
	to      io.Writer
	started time.Time
	suite   string   // said with every line of a suite that does not run alone
	part    []byte   // a line that has not ended yet
	reports []string // the directories of its runs, each once
}

func newProgress(to io.Writer, started time.Time) *progress {
	return &progress{to: to, started: started}
}

// Write takes any part of a line or several.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part = append(p.part, b...)
	for {
		i := bytes.IndexByte(p.part, '\n')
		if i < 0 {
			return len(b), nil
		}
		p.line(string(p.part[:i]))
		p.part = p.part[i+1:]
	}
}

// flush passes on a last line that was not ended.
func (p *progress) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.part) > 0 {
		p.line(string(p.part))
		p.part = nil
	}
}

func (p *progress) line(s string) {
	s = strings.TrimSuffix(s, "\r")
	if dir, ok := strings.CutPrefix(s, "gameday: report "); ok {
		for _, known := range p.reports {
			if known == dir {
				return
			}
		}
		p.reports = append(p.reports, dir)
	}
	if rest, ok := strings.CutPrefix(s, "gameday: "); ok {
		fmt.Fprintf(p.to, "gameday: %6.1fs  %s%s\n", time.Since(p.started).Seconds(), p.suite, rest)
		return
	}
	fmt.Fprintln(p.to, s)
}
