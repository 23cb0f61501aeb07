package recovery

import "fmt"

// Refused says that a recovery looked, found that it must not or cannot go on, and left everything as it was: the server
// is healthy, the backup is damaged, the log has a gap. A command refuses by the line "gameday: refuse REASON" and an
// exit status other than 0.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return "refused: " + e.Reason }

// Refuse is the error of a recovery that refuses.
func Refuse(format string, args ...any) error { return &Refused{Reason: fmt.Sprintf(format, args...)} }
