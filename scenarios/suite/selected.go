package suite

import (
	"regexp"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

// selected says whether the filters of a run ask for a spec: Ginkgo's report does not tell that of one that is pending, or that
// the run did not get to. A filter that cannot be understood here, or is none of labels, text and files, leaves nothing out.
func selected(r ginkgo.Report, s ginkgo.SpecReport) bool {
	c := r.SuiteConfig
	if byLabel, err := types.ParseLabelFilter(c.LabelFilter); err == nil && c.LabelFilter != "" && !byLabel(append(slices.Clone(r.SuiteLabels), s.Labels()...)) {
		return false
	}
	matches := func(patterns, files []string) (text, file bool) {
		if re, err := regexp.Compile(strings.Join(patterns, "|")); err == nil && len(patterns) > 0 {
			text = re.MatchString(r.SuiteDescription + " " + s.FullText())
		}
		if filters, err := types.ParseFileFilters(files); err == nil && len(files) > 0 {
			file = filters.Matches(append(slices.Clone(s.ContainerHierarchyLocations), s.LeafNodeLocation))
		}
		return text, file
	}
	text, file := matches(c.FocusStrings, c.FocusFiles)
	if len(c.FocusStrings) > 0 && !text || len(c.FocusFiles) > 0 && !file {
		return false
	}
	text, file = matches(c.SkipStrings, c.SkipFiles)
	return !text && !file
}
