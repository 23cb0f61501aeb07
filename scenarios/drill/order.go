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

// refused keeps why a call was refused for the record: the drill goes no further, whatever the scenario makes of it.
func (d *Drill) refused(err error) error {
	if d.rec.Error == "" && !d.verified {
		d.rec.Error = d.mask(err.Error())
	}
	return err
}

// OnceError says that a call came twice, or after the one that ends it.
type OnceError struct{ Call, Since string }

func (e *OnceError) Error() string {
	return fmt.Sprintf("%s: %s was called already; one drill is one disaster: begin another", e.Call, e.Since)
}

// StepError says in which step of the story a drill could not go on, why, and where the evidence lies.
type StepError struct {
	Step     string
	Err      error
	Evidence string // the drill's directory
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// FormattedGomegaError is what Gomega's Succeed prints instead of a dump of the error's fields.
func (e *StepError) FormattedGomegaError() string {
	return fmt.Sprintf("%s\nevidence: %s", e.Error(), e.Evidence)
}
