package fastcgi

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// holdingApp says each path it is asked for, but for /held, for which it waits
// for the end of the connection. Of that it tells the rest of what came.
func holdingApp(t *testing.T) (app *testkit.App, asked chan bool, rest chan string) {
	asked, rest = make(chan bool, 1), make(chan string, 1)
	app = testkit.StartApp(t, func(conn net.Conn) {
		head, _ := testkit.ReadHead(conn)
		if path := strings.Fields(head + " - -")[1]; path != "/held" {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(path), path)
			io.Copy(io.Discard, conn) // else a body that is left would take the response away
			return
		}
		asked <- true
		b, _ := io.ReadAll(conn)
		rest <- string(b)
	})
	return app, asked, rest
}

// After an abort the web server may use the id again as soon as it has read
// END_REQUEST (FastCGI specification, section 3.3): nothing of the aborted
// request may follow that, for it would be taken for the next one's response.
func TestFastCGIAbortKeepsOrder(t *testing.T) {
	half := newRecord(typeStdin, 1, []byte("half"))
	post := visitVars("REQUEST_URI=/held", "REQUEST_METHOD=POST", "CONTENT_LENGTH=10")
	chunked := visitVars("REQUEST_URI=/held", "REQUEST_METHOD=POST", "HTTP_TRANSFER_ENCODING=chunked")
	tests := []struct {
		name    string
		records []byte
		asks    bool // the app
	}{
		{"in the parameters", begin(true)[:headerLength+8], false},
		{"before the body", begin(true, post...), false},
		{"in the body", append(begin(true, post...), half...), true},
		{"in a chunked body", append(begin(true, chunked...), half...), true},
		{"after the body", append(begin(true, visitVars("REQUEST_URI=/held")...), stdin("")...), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			app, asked, rest := holdingApp(t)
			l, _ := serve(t, app.Upstream())
			c := dial(t, l)
			c.send(tt.records)
			if tt.asks {
				<-asked
			}
			c.send(newRecord(typeAbortRequest, 1, nil))
			if response := c.response(); response.status == nil {
				t.Fatalf("the aborted request has no end: %+v", response)
			}
			for _, path := range []string{"/second", "/third"} {
				c.send(begin(true, visitVars("REQUEST_URI="+path)...), stdin(""))
				if response := c.response(); response.status == nil || response.Body != path {
					t.Errorf("%s got %+v", path, response)
				}
			}
			c.send(newRecord(typeAbortRequest, 1, nil)) // of a request that has ended
			c.send(begin(true, visitVars("REQUEST_URI=/last")...), stdin(""))
			if response := c.response(); response.status == nil || response.Body != "/last" {
				t.Errorf("/last got %+v", response)
			}
			if tt.asks {
				if got := <-rest; strings.HasSuffix(got, "0\r\n\r\n") {
					t.Errorf("the app got %q, which looks whole", got)
				}
			}
		})
	}
}

// While the last request of a connection is answered nobody reads from it: what
// comes all the same is heard.
func TestFastCGIAfterLast(t *testing.T) {
	tests := []struct {
		name string
		end  func(c *client)
		ends bool // with END_REQUEST
	}{
		{"aborted", func(c *client) { c.send(newRecord(typeAbortRequest, 1, nil)) }, true},
		{"one side closed", func(c *client) { c.Conn.(*net.TCPConn).CloseWrite() }, false},
		{"closed", func(c *client) { c.Close() }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			app, asked, rest := holdingApp(t)
			l, _ := serve(t, app.Upstream())
			c := dial(t, l)
			c.send(begin(false, visitVars("REQUEST_URI=/held")...), stdin(""))
			<-asked
			tt.end(c)
			if response := c.response(); tt.ends != (response.status != nil) {
				t.Errorf("got %+v, want END_REQUEST: %v", response, tt.ends)
			}
			if left := <-rest; left != "" {
				t.Errorf("the app got %q", left)
			}
		})
	}
}

// An abort may cross the early response to a request whose body has not ended:
// END_REQUEST has been written then, and a second one would end the next request.
func TestFastCGIAbortAfterEarlyResponse(t *testing.T) {
	app, _, _ := holdingApp(t)
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	c.send(begin(true, visitVars("REQUEST_URI=/early", "REQUEST_METHOD=POST", "CONTENT_LENGTH=10")...), newRecord(typeStdin, 1, []byte("half")))
	if response := c.response(); response.status == nil || response.Body != "/early" {
		t.Fatalf("got %+v", response)
	}
	c.send(newRecord(typeAbortRequest, 1, nil), begin(true, visitVars("REQUEST_URI=/next")...), stdin(""))
	if response := c.response(); response.status == nil || response.Body != "/next" {
		t.Errorf("the next request got %+v", response)
	}
}

// mod_proxy_fcgi (enablereuse) sends no more of a body once it has the response,
// and the next request with the same id.
func TestFastCGINextAfterEarlyResponse(t *testing.T) {
	app, _, _ := holdingApp(t)
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	for _, path := range []string{"/first", "/second"} {
		c.send(begin(true, visitVars("REQUEST_URI="+path, "REQUEST_METHOD=POST", "CONTENT_LENGTH=10")...), newRecord(typeStdin, 1, []byte("half")))
		if response := c.response(); response.status == nil || response.Body != path {
			t.Fatalf("%s got %+v", path, response)
		}
	}
	c.send(begin(true, visitVars("REQUEST_URI=/third")...), stdin(""))
	if response := c.response(); response.status == nil || response.Body != "/third" {
		t.Errorf("the third got %+v", response)
	}
}

// Of two requests with one id at the same time nobody could tell the responses
// apart.
func TestFastCGIBeginsTwice(t *testing.T) {
	app, asked, rest := holdingApp(t)
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	c.send(begin(true, visitVars("REQUEST_URI=/held")...), stdin(""))
	<-asked
	c.send(begin(true, visitVars("REQUEST_URI=/other")...), stdin(""))
	if response := c.response(); response.status != nil || response.Status != "" {
		t.Fatalf("got %+v, want the end of the connection", response)
	}
	<-rest
}
