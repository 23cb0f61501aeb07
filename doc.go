// Package gameday is the root of a framework with which teams rehearse the recovery of their data: a drill breaks a real
// datastore, runs the team's own recovery, and judges by evidence whether the right data came back into service, and how
// fast. There is nothing to import here; the table in layers_test.go says what each folder may build upon, and enforces it.
package gameday
