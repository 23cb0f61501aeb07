package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/recoverydrill/gameday/fixtures"
)

const (
	lineLimit = 8 << 10  // a longer line is kept but not understood
	headLimit = 16 << 20 // of the output is kept from its beginning
	tailLimit = 1 << 20  // and from its end
	saidLimit = 1000     // lines "gameday: ..." are understood; a script in a loop prints millions
	errsLimit = 10       // errors are kept
	prefix    = "gameday: "
)

// Output takes what a recovery prints: it keeps the first 16 MiB and the last MiB, and understands the lines
// "gameday: step NAME", "gameday: cutover HOST:PORT" and "gameday: refuse REASON". Safe for concurrent use.
type Output struct {
	mu      sync.Mutex
	to      io.Writer
	onLine  func(line string) error
	line    []byte
	long    bool
	written int64
	total   int64
	tail    fixtures.Tail
	said    int
	errs    []error
	more    int // errors beyond those kept
}

// NewOutput writes to to, and calls onLine for each complete line up to 8 KiB that begins with "gameday: ", without
// that prefix. An error of onLine is kept for Close, of many the first few; so is one that says that there were more than
// 1000 such lines, of which the rest was not understood.
func NewOutput(to io.Writer, onLine func(line string) error) *Output {
	return &Output{to: to, onLine: onLine, tail: fixtures.Tail{Limit: tailLimit}}
}

// Write never fails: a recovery must not die of our disk being full. The error is kept for Close.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(p))
	head := p
	if room := headLimit - o.written; int64(len(head)) > room {
		head = p[:room]
	}
	if len(head) > 0 {
		if _, err := o.to.Write(head); err != nil {
			o.wrong(fmt.Errorf("keep the recovery's output: %w", err))
			o.written = headLimit
		} else {
			o.written += int64(len(head))
		}
	}
	_, _ = o.tail.Write(p[len(head):]) // never fails
	o.split(p)
	return len(p), nil
}

func (o *Output) split(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		if i >= 0 && len(o.line) == 0 && !o.long && !bytes.HasPrefix(part, []byte(prefix)) {
			p = p[i+1:] // nearly all lines: a gigabyte of them must not take long
			continue
		}
		if len(o.line)+len(part) > lineLimit {
			o.long, o.line = true, o.line[:0]
		} else if !o.long {
			o.line = append(o.line, part...)
		}
		if i < 0 {
			return
		}
		o.endLine()
		p = p[i+1:]
	}
}

func (o *Output) endLine() {
	line, ok := strings.CutPrefix(strings.TrimRight(string(o.line), "\r"), prefix)
	if ok && !o.long && o.onLine != nil {
		switch o.said++; {
		case o.said <= saidLimit:
			o.wrong(o.onLine(line))
		case o.said == saidLimit+1:
			o.wrong(fmt.Errorf("the recovery printed more than %d lines that begin with %q: the rest was not understood", saidLimit, prefix))
		}
	}
	o.line, o.long = o.line[:0], false
}

// wrong keeps an error for Close.
func (o *Output) wrong(err error) {
	switch {
	case err == nil:
	case len(o.errs) < errsLimit:
		o.errs = append(o.errs, err)
	default:
		o.more++
	}
}

// Total is how many bytes were printed.
func (o *Output) Total() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// Close takes an unfinished last line for a line, writes the end of a long output, and returns every error so far. It
// does not close what it writes to.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.endLine()
	if end, _ := o.tail.Read(); len(end) > 0 {
		if left := o.total - headLimit - int64(len(end)); left > 0 {
			if _, err := fmt.Fprintf(o.to, "\n[… %d bytes left out …]\n", left); err != nil {
				o.wrong(fmt.Errorf("keep the recovery's output: %w", err))
			}
		}
		if _, err := o.to.Write(end); err != nil {
			o.wrong(fmt.Errorf("keep the recovery's output: %w", err))
		}
		o.tail = fixtures.Tail{Limit: tailLimit} // written once
	}
	if o.more > 0 {
		return errors.Join(append(o.errs, fmt.Errorf("and %d more errors", o.more))...)
	}
	return errors.Join(o.errs...)
}
