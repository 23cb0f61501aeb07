package drill

import "fmt"

// OrderError says that a call came out of order, and which one is missing.
type OrderError struct {
	Call    string // "Break"
	Missing string // "Mark"
	Why     string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("%s: call %s first: %s", e.Call, e.Missing, e.Why)
}

func (d *Drill) before(call, missing, why string, ok bool) error {
	if ok {
		return nil
	}
	return &OrderError{Call: call, Missing: missing, Why: why}
}

// OnceError says that a call came twice, or after the one that ends it.
type OnceError struct{ Call, Since string }

func (e *OnceError) Error() string {
	return fmt.Sprintf("%s: %s was called already; one drill is one disaster: begin another", e.Call, e.Since)
}
