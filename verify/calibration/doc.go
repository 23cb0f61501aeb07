// Package calibration measures the service clock: outages of known length, by script, are watched by the real probe and
// read by the real checks, and what they say is held against the moments that the script itself has noted. It holds tests
// only; docs/clock-calibration.md has the table, which `make calibration` writes.
package calibration
