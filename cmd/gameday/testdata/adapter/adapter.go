// Package adapter stands for scenarios/suite: packages whose tests import it are found as suites.
package adapter
