package reports

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// escapes are the terminal's control sequences: colours, titles, cursor moves.
var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]`)

// clean makes text from outside fit for any report: no terminal sequences, no characters that XML 1.0 forbids, none that
// reverse the direction of reading, line feeds for line ends.
func clean(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\t':
			return c
		case c == '\r':
			return '\n'
		case unicode.IsControl(c), c == 0xFFFE, c == 0xFFFF:
			return -1
		case unicode.Is(unicode.Bidi_Control, c):
			return -1
		}
		return c
	}, s)
}

// line is clean text on one line.
func line(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// shorten cuts text to at most so many bytes, at a character, and says so.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + fmt.Sprintf("\n[... %s bytes cut off here]", number(int64(len(s)-cut)))
}

// number groups digits: 143,201.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// plural counts things: "1 write", "212 writes".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

// duration is for people: 850 ms, 6.2 s, 12 min 5 s, 3 h 5 min.
func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case ms < 0:
		return "-" + duration(-ms)
	case ms == 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < 10*time.Minute:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
	case d < 2*time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// reached is a duration beside its objective: where rounding would make the two look alike, it is exact.
func reached(ms, objectiveMS int64) string {
	if ms != objectiveMS && duration(ms) == duration(objectiveMS) {
		return seconds(ms) + " s"
	}
	return duration(ms)
}

// objective is an objective in words.
func objective(ms int64) string {
	if ms <= 0 {
		return "no objective"
	}
	return "objective " + duration(ms)
}

// span is the time between two points of the monotonic clock in milliseconds, to the nearest; 0 if either is missing.
func span(fromNS, toNS int64) int64 {
	if fromNS <= 0 || toNS <= 0 {
		return 0
	}
	return (toNS - fromNS + 500_000) / 1_000_000
}

// seconds is for machines: 6.213.
func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

// size is for people: 21.4 MiB.
func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return plural(bytes, "byte")
	}
	value, i := float64(bytes)/unit, 0
	for value >= unit && i < 3 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %s", value, [...]string{"KiB", "MiB", "GiB", "TiB"}[i])
}

// moment is a wall-clock time in UTC, "" where there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// String says where in the store, as short as is unambiguous: "shop.payments", "role app on standby-1".
func (p Place) String() string {
	var parts []string
	switch {
	case p.Database != "" && p.Table != "" && !strings.HasPrefix(p.Table, p.Database+"."):
		parts = append(parts, p.Database+"."+p.Table)
	case p.Table != "":
		parts = append(parts, p.Table)
	case p.Database != "":
		parts = append(parts, "database "+p.Database)
	}
	if p.Object != "" {
		parts = append(parts, p.Object)
	}
	if p.Node != "" {
		parts = append(parts, "on "+p.Node)
	}
	return line(strings.Join(parts, " "))
}

// String says what a check looked at: "12 of 12 tables, 143,201 rows, 21.4 MiB".
func (c Coverage) String() string {
	if c == (Coverage{}) {
		return "nothing"
	}
	what := line(c.What)
	if what == "" {
		what = "things"
	}
	s := fmt.Sprintf("%s of %s %s", number(c.Looked), number(c.Planned), what)
	if c.Rows > 0 {
		s += ", " + plural(c.Rows, "row")
	}
	if c.Bytes > 0 {
		s += ", " + size(c.Bytes)
	}
	return s
}
