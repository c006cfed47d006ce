package fastcgi

import (
	"io"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A web server may send the next request on a kept connection in the moment when the
// one before ends: nginx repeats no POST.
func TestFastCGIStopNext(t *testing.T) {
	for _, tt := range []struct {
		name, sent, want string
	}{
		{"a request", string(append(begin(true, visitVars()...), stdin("")...)), "ok"},
		{"the rest of a body", string(stdin("")), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(testkit.Listen(t, "tcp", "127.0.0.1:0"), nil)
			l.answer = func(w *responseWriter, r *request) { io.WriteString(w, "ok") }
			webServer := dial(t, l)
			c, err := l.accept()
			if err != nil {
				t.Fatal(err)
			}
			c.running, c.served, l.stopping = 1, true, true
			webServer.send([]byte(tt.sent))
			waitWhile(10*time.Second, func() bool { return !c.hasInput() })
			c.finished()
			go c.serve()
			if tt.want != "" {
				if response := webServer.response(); response.Body != tt.want {
					t.Errorf("got %+v", response)
				}
			}
			if n, err := webServer.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("afterwards: %d bytes, %v; want the end", n, err)
			}
		})
	}
}
