package verify

import "github.com/recoverydrill/gameday/reports"

// Waived says whether one of the waivers leaves a check out of the verdict.
func Waived(check string, waivers []reports.Waiver) bool { return waived(check, waivers) }
