package fastcgi

import (
	"slices"
	"testing"
)

// nginx keeps the response to HEAD for GET, without a body, where it keeps any.
func TestHeadIsNotKept(t *testing.T) {
	l, _ := serve(t, echoApp(t).Upstream())
	for _, tt := range []struct {
		method, server string
		want           bool
	}{
		{"HEAD", "nginx/1.22.1", true},
		{"GET", "nginx/1.22.1", false},
		{"HEAD", "Apache/2.4.71", false},
	} {
		t.Run(tt.method+" by "+tt.server, func(t *testing.T) {
			c := dial(t, l)
			c.send(begin(false, visitVars("REQUEST_METHOD="+tt.method, "SERVER_SOFTWARE="+tt.server)...), stdin(""))
			r := c.response()
			if got := slices.Contains(r.Fields, "X-Accel-Expires: 0"); got != tt.want {
				t.Errorf("forbids to keep it: %t, want %t: %q", got, tt.want, r.Fields)
			}
		})
	}
}
