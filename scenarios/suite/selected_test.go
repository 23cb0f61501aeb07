package suite

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

func TestFiltersSelectASpecAsGinkgoDoes(t *testing.T) {
	spec := ginkgo.SpecReport{
		ContainerHierarchyTexts: []string{"payments"}, ContainerHierarchyLabels: [][]string{{"postgres"}},
		LeafNodeText: "come back", LeafNodeLabels: []string{"slow"}, LeafNodeLocation: types.CodeLocation{FileName: "/a/payments_test.go", LineNumber: 7},
	}
	for name, c := range map[string]struct {
		config types.SuiteConfig
		want   bool
	}{
		"no filter":              {types.SuiteConfig{}, true},
		"its labels":             {types.SuiteConfig{LabelFilter: "postgres && slow"}, true},
		"a label of the suite":   {types.SuiteConfig{LabelFilter: "nightly"}, true},
		"another label":          {types.SuiteConfig{LabelFilter: "mysql"}, false},
		"its text":               {types.SuiteConfig{FocusStrings: []string{"shop payments come"}}, true},
		"one of two texts":       {types.SuiteConfig{FocusStrings: []string{"orders", "come back$"}}, true},
		"another text":           {types.SuiteConfig{FocusStrings: []string{"orders"}}, false},
		"not its text":           {types.SuiteConfig{SkipStrings: []string{"payments"}}, false},
		"its file":               {types.SuiteConfig{FocusFiles: []string{"payments_test.go:1-9"}}, true},
		"another place there":    {types.SuiteConfig{FocusFiles: []string{"payments_test.go:9-11"}}, false},
		"not its file":           {types.SuiteConfig{SkipFiles: []string{"payments_test.go"}}, false},
		"its label, not a text":  {types.SuiteConfig{LabelFilter: "slow", SkipStrings: []string{"come"}}, false},
		"its label, and another": {types.SuiteConfig{LabelFilter: "slow", SkipStrings: []string{"orders"}}, true},
	} {
		if got := selected(ginkgo.Report{SuiteDescription: "shop", SuiteLabels: []string{"nightly"}, SuiteConfig: c.config}, spec); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
