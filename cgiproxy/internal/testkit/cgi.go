package testkit

import (
	"slices"
	"strings"
	"testing"
)

// Visit returns the variables of a visit to http://example.com/ as Apache sets
// them for /home/me/public_html/proxy.cgi. Those in vars count first; one that
// is set to nothing there is left out.
func Visit(vars ...string) []string {
	all := slices.DeleteFunc(slices.Clone(vars), func(v string) bool { return strings.HasSuffix(v, "=") })
	for _, v := range []string{
		"REQUEST_METHOD=GET",
		"REQUEST_URI=/",
		"SERVER_PROTOCOL=HTTP/1.1",
		"SERVER_SOFTWARE=Apache/2.4.71 (Debian)",
		"SERVER_NAME=example.com",
		"SERVER_ADDR=192.0.2.80",
		"SERVER_PORT=80",
		"REMOTE_ADDR=198.51.100.7",
		"SCRIPT_NAME=/proxy.cgi",
		"SCRIPT_FILENAME=/home/me/public_html/proxy.cgi",
		"HTTP_HOST=example.com",
	} {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(vars, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			all = append(all, v)
		}
	}
	return all
}

// A CGIResponse is what a web server reads from a CGI program.
type CGIResponse struct {
	Status string   // "Status: 200 OK"
	Fields []string // the other lines, sorted by name; equal names in their order
	Body   string
}

// Values returns the values of the field, in their order.
func (r CGIResponse) Values(name string) []string {
	var values []string
	for _, line := range r.Fields {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			values = append(values, value)
		}
	}
	return values
}

// ParseCGI splits what a CGI program has written.
func ParseCGI(t testing.TB, text string) CGIResponse {
	t.Helper()
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok && text != "" {
		t.Fatalf("no end of the header section in %.200q", text)
	}
	lines := strings.Split(head, "\r\n")
	r := CGIResponse{Status: lines[0], Fields: lines[1:], Body: body}
	slices.SortStableFunc(r.Fields, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	return r
}
