package live

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/check"
)

var testBrowser = Browser{Origin: "https://example.com", Folder: "/shop/", Key: challenge.TokenKey(secret), Session: "one"}

// TestQuestions wants each row to ask, but for the one that no browser can, and
// the same questions whenever they are made: nothing is kept in between.
func TestQuestions(t *testing.T) {
	list, err := testBrowser.Questions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, _ := testBrowser.Questions(t.Context())
	other := testBrowser
	other.Session = "two"
	strangers, _ := other.Questions(t.Context())
	if len(again) != len(list) || len(strangers) != len(list) || len(list) < 20 {
		t.Fatalf("%d questions, then %d, and %d for another browser", len(list), len(again), len(strangers))
	}
	for i, q := range list {
		if q.Target != again[i].Target || q.Target == strangers[i].Target && !strings.HasSuffix(q.Target, ".htcgiproxy") {
			t.Errorf("%s %s, then %s, and %s for another browser", q.Method, q.Target, again[i].Target, strangers[i].Target)
		}
		if !strings.HasPrefix(q.Target, "/shop/") {
			t.Errorf("%s is not in the folder", q.Target)
		}
		for _, field := range q.Fields {
			if slices.Contains([]string{"Accept-Encoding", "Content-Length", "Connection", "Host", "Cookie"}, field[0]) {
				t.Errorf("no script may set %s", field[0])
			}
			if strings.Contains(field[1], testBrowser.Key) {
				t.Errorf("%s has the key", field[0])
			}
		}
	}
}

// answers is what a site does that is as it should be, as a browser sees it.
func answers(t *testing.T, list []Question) (observed []Observation) {
	t.Helper()
	for _, q := range list {
		o := Observation{Status: 404, Header: http.Header{}}
		for _, field := range q.Fields {
			if field[0] != challenge.Field {
				continue
			}
			asked, signature, ok := challenge.Parse(field[1], q.Target, time.Now())
			if !ok || !asked.Signed(signature, testBrowser.Key) {
				t.Fatalf("%s %s: no challenge of ours: %q", q.Method, q.Target, field[1])
			}
			o.Status = 200
			o.Header.Set(challenge.Field, asked.Proof(testBrowser.Key, q.Method))
			if asked.What == "request" {
				seen := url.Values{"target": {q.Target}, "scheme": {"https"}, "client": {"192.0.2.1"}, "way": {"CGI"}}
				for _, f := range q.Fields {
					seen.Set(strings.ToLower(f[0]), f[1])
				}
				o.Text = seen.Encode()
				o.Size = len(o.Text)
				o.Header.Set("Content-Length", strconv.Itoa(o.Size))
			}
		}
		observed = append(observed, o)
	}
	return observed
}

func TestJudge(t *testing.T) {
	list, err := testBrowser.Questions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := func(rest string) int {
		return slices.IndexFunc(list, func(q Question) bool { return strings.HasSuffix(q.Target, rest) })
	}
	forged := slices.IndexFunc(list, func(q Question) bool {
		return slices.ContainsFunc(q.Fields, func(f [2]string) bool { return f[0] == challenge.Claims[0] })
	})
	for _, tt := range []struct {
		name    string
		change  func([]Observation)
		row     string
		outcome check.Level
		text    string
	}{
		{"as it should be", func([]Observation) {}, "path //", check.OK, "arrives as it was sent"},
		{"a path that is changed", func(o []Observation) {
			o[at("/a//b")].Text = strings.Replace(o[at("/a//b")].Text, "a%2F%2Fb", "a%2Fb", 1)
		}, "path //", check.Fault, "/a//b arrives as /a/b"},
		{"a redirection", func(o []Observation) { o[at("/a%25b")] = Observation{Header: http.Header{}} }, "path %25", check.Warning, "a redirection"},
		{"no response", func(o []Observation) { o[at("/a%3Fb")] = Observation{Error: "no response in 8 s"} }, "path %3F", check.Fault, "no response in 8 s"},
		{"somebody else's response", func(o []Observation) { o[0].Header = http.Header{} }, "reach", check.Fault, "something else answers"},
		{"forged fields that the app would not get", func(o []Observation) { o[forged].Text = "X-Forwarded-Host=example.com&True-Client-Ip=" }, "forged fields", check.OK, "does not get to the app"},
		{"forged fields that it would", func(o []Observation) { o[forged].Text = "X-Forwarded-Host=example.com&X-Forwarded-Prefix=/forged/shop" }, "forged fields", check.Warning, "any visitor's X-Forwarded-Prefix:"},
		{"forged fields that are refused", func(o []Observation) { o[forged] = Observation{Status: 403, Header: http.Header{}} }, "forged fields", check.OK, "refused: 403"},
		{"no browser can", func([]Observation) {}, "chunked upload", check.OK, "not asked: no browser"},
		{"open settings", func(o []Observation) {
			o[len(o)-1] = Observation{Status: 200, Header: http.Header{}, Text: "CGIPROXY_UPSTREAM=1"}
		}, "private files", check.Fault, "everybody can read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			observed := answers(t, list)
			tt.change(observed)
			found, err := testBrowser.Judge(t.Context(), observed)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == tt.row })
			if i < 0 || found[i].Level != tt.outcome || !strings.Contains(found[i].Text, tt.text) {
				t.Errorf("%s: got %+v, want %s: %s", tt.row, found, tt.outcome, tt.text)
			}
		})
	}
	if _, err := (Browser{Origin: "file://", Folder: "/"}).Judge(t.Context(), nil); err == nil {
		t.Error("a page from a disk is judged")
	}
	found, err := testBrowser.Judge(t.Context(), nil)
	if err != nil || len(found) != 1 || found[0].Level != check.Fault {
		t.Errorf("with nothing seen: %+v %v", found, err)
	}
}

func TestReadObservations(t *testing.T) {
	form := url.Values{
		"0.status": {"200"}, "0.reason": {"OK"}, "0.header": {"content-length: 7\ncontent-type: text/plain"}, "0.size": {"7"}, "0.pieces": {"10:2,310:5,610:7"},
		"1.error": {"no response"}, "3.status": {"200"},
	}
	list := ReadObservations(form)
	if len(list) != 2 || list[1].Error != "no response" {
		t.Fatalf("got %+v", list)
	}
	r, err := list[0].response()
	if err != nil || r.Status != "200 OK" || r.ContentLength != 7 || r.wire != 7 || r.spread != 600*time.Millisecond {
		t.Errorf("got %+v %v", r, err)
	}
}
