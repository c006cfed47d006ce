package upstream

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// Whatever an app's pauses fall between, no byte that has been read is lost with
// the buffer: the rest would be read as something else.
func TestWaitKeepsBytes(t *testing.T) {
	content := "\r\n" + strings.Repeat("x", 0x10-2)
	for _, tt := range []struct{ name, head, body, want string }{
		{"events", "Transfer-Encoding: chunked", "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n", "data: 1\n\ndata: 2\n\n"},
		{"a size of two digits", "Transfer-Encoding: chunked", "1\r\na\r\n10\r\n" + content + "\r\n0\r\n\r\n", "a" + content},
		{"a trailer", "Transfer-Encoding: chunked", "1;x=y\r\na\r\n0\r\nX-Sum: 1\r\n\r\n", "a"},
		{"length", "Content-Length: 5", "hello", "hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cut := make(chan int, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				for {
					if _, err := testkit.ReadHead(conn); err != nil {
						return
					}
					n := <-cut
					io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+tt.head+"\r\n\r\n"+tt.body[:n])
					time.Sleep(5 * time.Millisecond) // mostly enough for the reader to wait
					io.WriteString(conn, tt.body[n:])
				}
			})
			tr := keeping(t, app.Upstream())
			for n := range len(tt.body) {
				cut <- n
				req := newRequest(tr.Config)
				req.Close = false
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				body := resp.Body.(*Body)
				var got strings.Builder
				for buf := make([]byte, 1<<10); err == nil; {
					if err = body.Wait(); err == nil {
						var n int
						n, err = body.Read(buf)
						got.Write(buf[:n])
					}
				}
				body.Close()
				if got.String() != tt.want || err != io.EOF {
					t.Errorf("after a pause behind %q: got %q and %v, want %q and the end", tt.body[:n], got.String(), err, tt.want)
				}
			}
		})
	}
}
