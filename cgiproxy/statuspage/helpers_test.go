package statuspage

import (
	"bytes"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

const token = "right-token-of-32-letters-chosen"

// A recorder is a ResponseWriter that keeps what it is given.
type recorder struct{ *httptest.ResponseRecorder }

func (r recorder) WriteStatus(code int, _ string) { r.WriteHeader(code) }
func (r recorder) FlushLast() error               { return nil }
func (r recorder) HasStarted() bool               { return false }
func (r recorder) LargeBuffer() []byte            { return nil }

// A tested is a site whose app keeps what it is sent.
type tested struct {
	folder string
	got    chan string
	log    bytes.Buffer
}

// newTested makes a site with more settings than the app's address.
func newTested(t *testing.T, settings string) *tested {
	t.Helper()
	s := &tested{folder: t.TempDir(), got: make(chan string, 1000)} // room for all that a test sends
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, err := testkit.ReadHead(conn)
		if err != nil {
			return
		}
		_, rest, _ := strings.Cut(head, "\r\nContent-Length: ")
		length, _, _ := strings.Cut(rest, "\r\n")
		n, _ := strconv.Atoi(length)
		body := make([]byte, n)
		io.ReadFull(conn, body)
		s.got <- head + string(body)
		io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nthe app")
	})
	testkit.WriteFile(t, s.folder, ".htcgiproxy", app.Upstream()+"\n"+settings)
	return s
}

const pageSettings = "STATUS_PATH=/my-status\nSTATUS_TOKEN=" + token + "\nSECRET=the-secret-of-the-site\n"

// A request is one for the page, or the like.
type request struct {
	method, target string // "" for GET and /my-status
	cookie         string
	body           string // a form, where there is one
	vars           []string
}

func (s *tested) send(t *testing.T, r request) *httptest.ResponseRecorder {
	t.Helper()
	return s.sendTo(t, cgiproxy.LoadSite(cgiproxy.Environ{}, s.folder), r)
}

func (s *tested) sendTo(t *testing.T, site *cgiproxy.Site, r request) *httptest.ResponseRecorder {
	t.Helper()
	if r.method == "" {
		r.method = "GET"
	}
	if r.target == "" {
		r.target = "/my-status"
	}
	vars := append(r.vars, "REQUEST_METHOD="+r.method, "REQUEST_URI="+r.target)
	if r.cookie != "" {
		vars = append(vars, "HTTP_COOKIE="+r.cookie)
	}
	if r.body != "" {
		vars = append(vars, "CONTENT_LENGTH="+strconv.Itoa(len(r.body)), "CONTENT_TYPE=application/x-www-form-urlencoded")
	}
	if !slices.Contains(vars, "HTTPS=") {
		vars = append(vars, "HTTPS=on")
	}
	env := cgiproxy.NewEnviron(testkit.Visit(vars...))
	w := recorder{httptest.NewRecorder()}
	in := &cgiproxy.Request{Env: env, Body: strings.NewReader(r.body), Log: &s.log, Way: "CGI", StatusPage: Serve}
	if err := cgiproxy.Serve(t.Context(), w, in, site); err != nil {
		t.Error(err)
	}
	return w.ResponseRecorder
}

// login returns what the browser has after a login: the cookie, and the page's
// form token.
func (s *tested) login(t *testing.T) (cookie, form string) {
	t.Helper()
	w := s.send(t, request{method: "POST", body: "token=" + token, vars: []string{"HTTP_ACCEPT=text/html"}})
	cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	_, form, _ = strings.Cut(w.Body.String(), `data-form="`)
	form, _, _ = strings.Cut(form, `"`)
	if cookie == "" || form == "" {
		t.Fatalf("no login: %d %v\n%s\n%s", w.Code, w.Header(), w.Body, &s.log)
	}
	return cookie, form
}
