package e2e

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
)

// closedCases run proxy.cgi with some of its three descriptors closed. The next
// one that a process opens gets the lowest free number: the app's connection
// would become stdout, and get the response, or stderr, and get the log. Go's
// runtime opens /dev/null in their place; without one it gives up.
var closedCases = []limitCase{
	{
		name:  "closed: stdin",
		place: `exec "$@" <&-`,
		want:  map[string]outcome{"POST": noUpload},
	},
	{
		name:  "closed: stdout",
		place: `exec "$@" >&-`,
		want: map[string]outcome{
			"GET":     {exit: 1, log: "stdout is closed", notAsked: true},
			"POST":    {exit: 1, log: "stdout is closed", notAsked: true},
			"refused": {exit: 1, log: "stdout is closed"},
		},
	},
	{name: "closed: stderr", place: `exec "$@" 2>&-`, noLog: true},
	{
		name:  "closed: stdin and stderr",
		place: `exec "$@" <&- 2>&-`,
		noLog: true,
		want:  map[string]outcome{"POST": noUpload},
	},
	{
		name:  "closed: all three",
		place: `exec "$@" <&- >&- 2>&-`,
		noLog: true,
		want:  map[string]outcome{"GET": {exit: 1, notAsked: true}, "POST": {exit: 1, notAsked: true}, "refused": {exit: 1}},
	},
	{name: "closed: stdin, and no null device", chroot: true, place: `exec chroot . "$@" <&-`, dies: noNull},
	{name: "closed: stdout, and no null device", chroot: true, place: `exec chroot . "$@" >&-`, dies: noNull},
	{name: "closed: stderr, and no null device", chroot: true, place: `exec chroot . "$@" 2>&-`, diesSilent: true},
	{name: "closed: all three, and no null device", chroot: true, place: `exec chroot . "$@" <&- >&- 2>&-`, diesSilent: true},
}

// noNull is what Go's runtime says before any code of ours runs.
const noNull = "closed, unable to open /dev/null"

// noUpload is an upload that ends before its first byte: the client is told,
// and the app must not take it for a whole one.
var noUpload = outcome{status: "400 Bad Request", log: "request body ended after 0 of 300000 bytes", cut: true}

// TestFewOpenFiles has fewer and fewer descriptors. How many Go's runtime takes
// depends on the control groups of the machine, so this looks for the number
// that is one too few for proxy.cgi: then it has none for its settings.
func TestFewOpenFiles(t *testing.T) {
	t.Parallel()
	app := newLimitApp(t)
	pages := 0
	for n := 3; n <= 8; n++ {
		c := limitCase{place: fmt.Sprintf(`ulimit -n %d; exec "$@"`, n)}
		for _, r := range limitRequests {
			got := c.start(t, limitFolder(t, binary, cmp.Or(r.upstream, app.addr)), r)
			status, body, err := parseResponse(got.stdout)
			switch {
			case got.stdout == "" && got.exit != 0 && strings.Contains(got.stderr, noPoll):
			case err != nil:
				t.Errorf("-n %d, %s: %v: %s", n, r.name, err, got)
			case status == "500 Internal Server Error":
				pages++
				checkTrace(t, got)
				if !strings.Contains(got.stderr, "too many open files: the host allows too few open files") || got.exit != 0 {
					t.Errorf("-n %d, %s: %s", n, r.name, got)
				}
			case status != r.usual.status || !strings.Contains(body, r.usual.body):
				t.Errorf("-n %d, %s: %s", n, r.name, got)
			}
		}
	}
	if pages != len(limitRequests) {
		t.Errorf("%d of %d requests were answered with an error page, want those with one descriptor too few", pages, len(limitRequests))
	}
}
