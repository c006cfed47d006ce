package main

import (
	"strings"
	"testing"
)

// TestOthersContent has what somebody else has written on the host where a deploy
// would remove or replace it: it stays, or goes where --rollback finds it, and is
// said with each deploy that does so.
func TestOthersContent(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  string // shop.db here at the first deploy, "" for none
		there  string // what it is on the host then
		second string // here at the next deploys
		want   string // there afterwards
		note   string
	}{
		{"gone here", "seed", "", "", "", ""},
		{"gone here, changed there", "seed", "orders", "", "orders", "is no more here, but has been changed on the host since the last deploy, and stays"},
		{"gone here and there", "seed", "gone", "", "", ""},
		{"new here, and there already", "", "orders", "seed", "seed", "was there, and no deploy has put it there: yours replaces it, and --rollback brings it back"},
		{"new here, and the same there", "", "seed", "seed", "seed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "one", "shop.db": c.first})
			deployApp(t, host, folder, dir)
			switch c.there {
			case "":
			case "gone":
				writeFiles(t, folder, map[string]string{"shop.db": ""})
			default:
				writeFiles(t, folder, map[string]string{"shop.db": c.there})
			}
			for i, app := range []string{"two", "three"} {
				writeFiles(t, dir, map[string]string{"app.py": app, "shop.db": c.second})
				notes := strings.Join(deployApp(t, host, folder, dir), "\n")
				want := c.note
				if i > 0 && c.second != "" {
					want = "" // it is ours by now
				}
				if !strings.Contains(notes, want) || want == "" && notes != "" {
					t.Errorf("deploy of %s: it says %q, want %q", app, notes, want)
				}
				wantFiles(t, folder, map[string]string{"app.py": app, "shop.db": c.want})
			}
		})
	}
}
