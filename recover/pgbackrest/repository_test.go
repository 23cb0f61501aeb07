package pgbackrest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// What pgBackRest 2.55 prints of a stanza with a full, a differential and an incremental backup.
const (
	info = `[{"archive":[{"database":{"id":1,"repo-key":1},"id":"17-1","max":"00000001000000000000000A","min":"000000010000000000000001"}],"backup":[
{"archive":{"start":"000000010000000000000003","stop":"000000010000000000000003"},"database":{"id":1,"repo-key":1},"info":{"delta":30778408,"repository":{"delta":5376410,"size":5376410},"size":30778408},"label":"20261126-023214F","lsn":{"start":"0/3000028","stop":"0/3000120"},"type":"full"},
{"archive":{"start":"000000010000000000000005","stop":"000000010000000000000005"},"database":{"id":1,"repo-key":1},"info":{"delta":7995650,"repository":{"delta":2634946,"size":5379548},"size":30778408},"label":"20261126-023214F_20261126-023217D","lsn":{"start":"0/5000028","stop":"0/5000120"},"type":"diff"},
{"archive":{"start":"000000010000000000000007","stop":"000000010000000000000007"},"database":{"id":1,"repo-key":1},"info":{"delta":7389442,"repository":{"delta":2589010,"size":5379346},"size":30811176},"label":"20261126-023214F_20261126-023218I","lsn":{"start":"0/7000028","stop":"0/7000120"},"type":"incr"}],
"cipher":"none","db":[{"id":1,"repo-key":1,"system-id":7712302405800087585,"version":"17"}],"name":"main","repo":[{"cipher":"none","key":1,"status":{"code":0,"message":"ok"}}],"status":{"code":0,"message":"ok"}}]`
	noInfo  = `[{"archive":[],"backup":[],"db":[],"name":"main","repo":[{"cipher":"none","key":1,"status":{"code":99,"message":"[JsonFormatError] unable to load info file 'x'\nHINT: y"}}],"status":{"code":99,"message":"other"}}]`
	verdict = `2026-11-26 02:33:23.138 P00   INFO: verify command begin 2.55.1: --config=/data/pgbackrest.conf
stanza: main
status: ok
  archiveId: 17-1, total WAL checked: 10, total valid WAL: 10
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261126-023214F, status: valid, total files checked: 969, total valid files: 969
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261126-023214F_20261126-023217D, status: valid, total files checked: 969, total valid files: 969
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261126-023214F_20261126-023218I, status: valid, total files checked: 970, total valid files: 970
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
`
	badLog = `2026-11-26 02:33:38.391 P01   INFO: invalid result 17-1/0000000100000000/000000010000000000000008-4b5239f24292b2e277e1ed1b41e5aa1392f7eccf.zst: [29] raised from local-1 protocol: zst error: [-20] Data corruption detected
                                        [FormatError] on 2 retries from 51-15051ms: zst error: [-20] Data corruption detected
`
	oneBad = "total WAL checked: 10, total valid WAL: 9"
)

// listing is what repo-ls prints of the segments from 1 to 10, without those that are named.
func listing(without ...string) string {
	var b strings.Builder
	b.WriteString(`{".":{"type":"path"},"17-1":{"type":"path"},"archive.info":{"type":"file","size":255}`)
	for _, n := range strings.Fields("01 02 03 04 05 06 07 08 09 0A") {
		name := "0000000100000000000000" + n
		if !strings.Contains(strings.Join(without, " "), n) {
			b.WriteString(`,"17-1/0000000100000000/` + name + `-0c49a2afb1096c96e5188fc9471b3702f2f110ee.zst":{"type":"file","size":4497842}`)
		}
	}
	return b.String() + `,"17-1/0000000100000000/000000010000000000000003.00000028.backup":{"type":"file","size":371}}`
}

func TestChoice(t *testing.T) {
	at := func(position string) fixtures.Mark {
		return fixtures.Mark{Name: "n", Position: position, Timeline: "1"}
	}
	const full, diff, incr = "20261126-023214F", "20261126-023214F_20261126-023217D", "20261126-023214F_20261126-023218I"
	invalid := func(text, label string) string {
		return strings.Replace(text, "backup: "+label+", status: valid", "backup: "+label+", status: invalid", 1)
	}
	for name, c := range map[string]struct {
		kind          Kind
		mark          fixtures.Mark
		set           string
		info, verdict string
		missing       []string
		chosen        string
		needs         int
		because       string
	}{
		"all is well":                    {mark: at("0/8005EC0"), chosen: incr, needs: 2},
		"the latest":                     {kind: Latest, chosen: incr, needs: 4},
		"the target lies before two":     {mark: at("0/4800000"), chosen: full, needs: 2, because: "ends at 0/5000120, after the target"},
		"at the very end of a backup":    {mark: at("0/5000120"), chosen: diff, needs: 1, because: "ends at 0/7000120, after the target"},
		"before the first":               {mark: at("0/3000028"), because: "after the target"},
		"a given set":                    {set: diff, mark: at("0/8005EC0"), chosen: diff, needs: 4},
		"a set that there is not":        {set: "x", mark: at("0/8005EC0"), because: `has no backup "x"`},
		"the newest is damaged":          {mark: at("0/8005EC0"), verdict: invalid(verdict, incr), chosen: diff, needs: 4, because: incr + " is damaged or gone"},
		"the newest is gone":             {mark: at("0/8005EC0"), verdict: strings.Replace(verdict, incr, "x", 1), chosen: diff, needs: 4, because: incr + " is damaged or gone"},
		"all are damaged":                {mark: at("0/8005EC0"), verdict: invalid(invalid(invalid(verdict, incr), diff), full), because: full + " is damaged or gone"},
		"a gap before the newest":        {mark: at("0/8005EC0"), missing: []string{"06"}, chosen: incr, needs: 2},
		"a gap after the newest":         {mark: at("0/8005EC0"), missing: []string{"08"}, because: "000000010000000000000008, which is missing"},
		"a gap after the target":         {mark: at("0/8005EC0"), missing: []string{"09"}, chosen: incr, needs: 2},
		"a gap before the log's end":     {kind: Latest, missing: []string{"09"}, because: "000000010000000000000009, which is missing"},
		"the log of a backup is missing": {mark: at("0/8005EC0"), missing: []string{"07"}, because: "000000010000000000000007, which is missing"},
		"the target is not archived":     {mark: at("0/B000100"), because: "00000001000000000000000B, which is missing"},
		"a damaged segment":              {kind: Latest, verdict: strings.Replace(badLog+verdict, "total WAL checked: 10, total valid WAL: 10", oneBad, 1), because: "000000010000000000000008, which is damaged"},
		"a damaged segment without name": {kind: Latest, verdict: strings.Replace(verdict, "total WAL checked: 10, total valid WAL: 10", oneBad, 1), because: "does not name"},
		"no list of backups":             {kind: Latest, info: noInfo, because: "holds no backup: other ([JsonFormatError] unable to load info file 'x')"},
		"verify says nothing":            {kind: Latest, verdict: " ", because: "damaged or gone"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Procedure{Kind: c.kind, Set: c.set}
			want, err := p.target(c.mark)
			if err != nil {
				t.Fatal(err)
			}
			if c.info == "" {
				c.info = info
			}
			if c.verdict == "" {
				c.verdict = verdict
			}
			repo, err := readInfo([]byte(c.info))
			if err != nil {
				t.Fatal(err)
			}
			if err := repo.readListing([]byte(listing(c.missing...))); err != nil {
				t.Fatal(err)
			}
			repo.readVerdict(c.verdict)
			got, ok := repo.pick(want, c.set)
			if ok != (c.chosen != "") || got.Label != c.chosen || (ok && got.segments != c.needs) {
				t.Errorf("chosen is %q with %d segments, want %q with %d", got.Label, got.segments, c.chosen, c.needs)
			}
			if passed := strings.Join(got.passed, "; "); !strings.Contains(passed, c.because) || (c.because == "" && passed != "") {
				t.Errorf("passed over because %q, want %q", passed, c.because)
			}
		})
	}
}

// After a recovery the log goes on in another timeline: what leads to a target there lies on both. The first one may go on
// as well, on the server that was recovered from, and has segments of the same numbers; a third may begin beside.
func TestTimelines(t *testing.T) {
	const two, three = "1\t0/5000080\tno recovery target specified\n", "1\t0/4000100\tat restore point \"good 2\"\n"
	for name, c := range map[string]struct {
		start, stop string // of the backup; default on the first timeline
		want        target
		without     []string
		because     string
	}{
		"on the second":                      {want: target{position: "0/7000100", timeline: 2}},
		"on the first":                       {want: target{position: "0/7000100", timeline: 1}},
		"on the third":                       {want: target{position: "0/5000100", timeline: 3}},
		"the latest":                         {},
		"the latest has archived nothing":    {without: []string{"000000030000000000000004", "000000030000000000000005"}},
		"a hole that an old branch fills":    {want: target{position: "0/7000100", timeline: 2}, without: []string{"000000020000000000000006"}, because: "000000020000000000000006, which is missing"},
		"a hole where the branch begins":     {want: target{position: "0/7000100", timeline: 2}, without: []string{"000000020000000000000005"}, because: "000000020000000000000005, which is missing"},
		"a hole before the branch":           {want: target{position: "0/7000100", timeline: 2}, without: []string{"000000010000000000000004"}, because: "000000010000000000000004, which is missing"},
		"the old branch's end is not needed": {want: target{position: "0/7000100", timeline: 2}, without: []string{"000000010000000000000005", "000000010000000000000006"}},
		"a hole on the way to the latest":    {without: []string{"000000030000000000000004"}, because: "000000030000000000000004, which is missing"},
		"a backup of the target's own":       {start: "000000020000000000000006", stop: "0/6000200", want: target{position: "0/7000100", timeline: 2}},
		"a backup of a later timeline":       {start: "000000020000000000000006", stop: "0/6000200", want: target{position: "0/7000100", timeline: 1}, because: "is of timeline 2, which does not lead"},
		"a backup of a branch beside":        {start: "000000020000000000000005", stop: "0/5000200", want: target{position: "0/5000300", timeline: 3}, because: "is of timeline 2, which does not lead to the target's, 3"},
		"a backup after the branch":          {start: "000000010000000000000005", stop: "0/5000200", want: target{position: "0/7000100", timeline: 2}, because: "ends at 0/5000200 on timeline 1, which the target's had left at 0/5000080"},
		"the target's history is not there":  {want: target{position: "0/7000100", timeline: 2}, without: []string{"00000002.history"}, because: "00000002.history, which is missing"},
		"histories are probed one by one":    {start: "000000010000000000000006", stop: "0/6000200", without: []string{"00000002.history"}},
		"a backup after the latest branch":   {start: "000000010000000000000006", stop: "0/6000200", without: []string{"000000030000000000000004", "000000030000000000000005"}, because: "on timeline 1, which the target's had left at 0/4000100"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := branched(t, c.without, map[string]string{"00000002": two, "00000003": three})
			s := set{whole: true, Label: "only"}
			s.Archive.Start, s.LSN.Stop, s.Database.ID = cmp.Or(c.start, "000000010000000000000003"), cmp.Or(c.stop, "0/3000100"), 1
			repo.sets = []set{s}
			got, ok := repo.pick(c.want, "")
			if passed := strings.Join(got.passed, "; "); ok != (c.because == "") || !strings.Contains(passed, c.because) {
				t.Errorf("chosen: %v, passed over because %q, want %q", ok, passed, c.because)
			}
		})
	}
	if err := (&repository{histories: map[string][]branch{}}).readHistories("file 17-1/00000002.history\n1\tnowhere\tx\n"); err == nil {
		t.Error("a history that cannot be read was taken")
	}
}

// branched is an archive with the segments 3 to 7 of the first timeline, 5 to 7 of the second, 4 and 5 of the third, and
// their histories.
func branched(t *testing.T, without []string, histories map[string]string) repository {
	t.Helper()
	var files, read []string
	for timeline, segments := range map[string]string{"00000001": "34567", "00000002": "567", "00000003": "45"} {
		for _, n := range segments {
			if name := timeline + "000000000000000" + string(n); !slices.Contains(without, name) {
				files = append(files, `"17-1/`+name[:16]+"/"+name+`-0c49a2afb1096c96e5188fc9471b3702f2f110ee.zst":{"type":"file","size":4497842}`)
			}
		}
	}
	for timeline, text := range histories {
		if name := timeline + ".history"; !slices.Contains(without, name) {
			files = append(files, `"17-1/`+name+`":{"type":"file","size":50}`)
			read = append(read, "file 17-1/"+name+"\n"+text)
		}
	}
	repo := repository{segments: map[string]bool{}, histories: map[string][]branch{}, archive: map[int]string{1: "17-1"}}
	if err := errors.Join(repo.readListing([]byte("{"+strings.Join(files, ",")+"}")), repo.readHistories(strings.Join(read, ""))); err != nil {
		t.Fatal(err)
	}
	if len(repo.histories) != len(read) {
		t.Fatalf("the listing has the histories %v", repo.histories)
	}
	return repo
}
