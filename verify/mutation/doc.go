// Package mutation turns the verifier on itself: thousands of random changes of one byte, one value or one row, and of
// structure, grants and settings, each surveyed and judged as after a recovery. A change that the verdict does not see is
// an escape, a difference where nothing was changed is a false alarm; there must be none of either. It holds tests only;
// the figures are in docs/verification.md.
package mutation
