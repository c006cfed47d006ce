package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestYardsticks holds every program to what proxy.cgi does: one that gave
// less, or something else, would make us look good or bad for nothing.
func TestYardsticks(t *testing.T) {
	t.Chdir("../..")
	app := httptest.NewServer(appHandler{})
	defer app.Close()
	once, fast, err := build(t.Context(), t.TempDir(), strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	const length = mib
	tests := []struct {
		name string
		request
		want string
	}{
		{"query and field", request{target: "/a%2Fb/echo?x=1&y=%20", fields: 1}, "GET /a%2Fb/echo?x=1&y=%20 " + fieldValue + " "},
		// Python's http.client takes no more than 100, Perl's HTTP::Tiny 64.
		{"many fields", request{target: "/fields?n=50", fields: 50}, "50"},
		{"upload", request{method: "PUT", target: "/upload", length: length}, patternDigest(length)},
	}
	for _, p := range once {
		t.Run(p.name, func(t *testing.T) {
			if p.err != nil {
				t.Skip(p.err)
			}
			if _, err := p.run(t.Context(), request{target: "/page"}, p.wantPage()); err != nil {
				t.Fatal(err)
			}
			if !p.asks {
				return
			}
			for _, tt := range tests {
				if _, err := p.run(t.Context(), tt.request, wantBody(tt.want)); err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
			}
			r := request{target: fmt.Sprintf("/download?n=%d", length)}
			if _, err := p.run(t.Context(), r, wantDigest(patternDigest(length))); err != nil {
				t.Errorf("download: %v", err)
			}
		})
	}
	for _, p := range fast {
		t.Run(p.name, func(t *testing.T) {
			head, body, err := readResponse(strings.NewReader(askFastCGI(t, p, request{target: "/page"})))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.wantPage()(strings.NewReader(head + "\r\n\r\n" + body)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A wrong response of any kind is noticed.
func TestChecks(t *testing.T) {
	const head = "Status: 200 OK\r\nX: y\r\n\r\n"
	whole, err := io.ReadAll(&pattern{length: 1000 * kib})
	if err != nil {
		t.Fatal(err)
	}
	moved := append(append([]byte{}, whole[kib:]...), whole[:kib]...)
	digests := patternDigest(1000 * kib)
	tests := []struct {
		name, response string
		check          func(io.Reader) error
		ok             bool
	}{
		{"page", head + page, wantBody(page), true},
		{"page cut", head + page[:len(page)-1], wantBody(page), false},
		{"page doubled", head + page + page, wantBody(page), false},
		{"no head", page, wantBody(page), false},
		{"error with the right body", "Status: 500 No\r\n\r\n" + page, wantBody(page), false},
		{"nothing", "", wantDigest(digests), false},
		{"large", head + string(whole), wantDigest(digests), true},
		{"large, cut", head + string(whole[:len(whole)-1]), wantDigest(digests), false},
		{"large, moved", head + string(moved), wantDigest(digests), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.check(strings.NewReader(tt.response)); (err == nil) != tt.ok {
				t.Errorf("got %v, want no error: %t", err, tt.ok)
			}
		})
	}
}

func TestWrk(t *testing.T) {
	got, err := parseWrk(`Running 1s test @ http://127.0.0.1:8080/
  Latency Distribution
     50%  714.00us
     75%    1.20ms
     90%    2.00ms
     99%    1.09s
  3000 requests in 1.00s, 12.00MB read
Requests/sec:   2987.25
Transfer/sec:     11.93MB
`)
	if want := (load{2987.25, 0.714, 1090}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := parseWrk("unable to connect"); err == nil {
		t.Error("no error for an output without figures")
	}
	const failed = "  Non-2xx or 3xx responses: 12\n"
	if !wrkFailure.MatchString(failed) {
		t.Errorf("%q is no failure", failed)
	}
}

func TestBudgets(t *testing.T) {
	tests := []struct {
		budget
		value      float64
		text, want string
	}{
		{noBudget, 1, "", ""},
		{atMost(0.85), 0.85, "≤ 0.85", "met"},
		{atMost(0.85).aim(0.75), 0.75, "≤ 0.85, aim 0.75", "met, aim too"},
		{atMost(0.85), 0.86, "≤ 0.85", "**not met**"},
		{atLeast(4), 3.9, "≥ 4", "**not met**"},
		{atLeast(1).aim(1.25), 1.2, "≥ 1, aim 1.25", "met"},
		{aimAtLeast(0.75), 0.7, "aim 0.75", "aim not reached"},
	}
	for _, tt := range tests {
		if text, got := tt.text, tt.verdict(tt.value); got != tt.want || tt.budget.text(plain) != text {
			t.Errorf("%q at %v: got %q %q, want %q", text, tt.value, tt.budget.text(plain), got, tt.want)
		}
	}
}

// The results hold what was measured, and nothing where nothing was.
func TestReport(t *testing.T) {
	r := newReport(false)
	r.compare("speed", ours, 1, "<other> & co", 2, number, atMost(0.4))
	r.compare("speed", ours, 1, "absent", median(nil), number, noBudget)
	r.skip("some", "it is not there\nand more")
	r.table("Details", "As measured.", "what", "value").add("speed", "1")
	r.chart("Speed", " ms", number).add("<other> & co", 2, false)
	r.chart("Empty", " ms", number)
	folder := t.TempDir()
	if err := r.write(folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(folder + "/results.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 0.50  | ≤ 0.4  | **not met** |", "Left out: some: it is not there\n", "## Details"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "absent") {
		t.Error("a row for what was not measured")
	}
	picture, err := os.ReadFile(folder + "/results.svg")
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(picture, new(struct{})); err != nil || strings.Contains(string(picture), "Empty") {
		t.Errorf("%v in\n%s", err, picture)
	}
}

func TestReadme(t *testing.T) {
	r := newReport(false)
	r.table(loadTitle, "a note", "way", "rate").add("mod_cgid", "400")
	r.table("Another", "a note", "x").add("left out")
	readme := t.TempDir() + "/README.md"
	for name, text := range map[string]string{
		"no lines": "text\n",
		"no end":   readmeStart + "text\n",
	} {
		if err := os.WriteFile(readme, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.writeReadme(readme); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if got, err := os.ReadFile(readme); err != nil || string(got) != text {
			t.Errorf("%s: it is now %q (%v)", name, got, err)
		}
	}
	if err := os.WriteFile(readme, []byte("before\n"+readmeStart+"old\n"+readmeEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "before\n" + readmeStart + loadTitle + ":\n\n| way      | rate |\n|----------|------|\n| mod_cgid | 400  |\n\n" + r.machine.String() + "\n" + readmeEnd + "after\n"
	for range 2 { // it can be written anew
		if err := r.writeReadme(readme); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(readme); err != nil || string(got) != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
}
