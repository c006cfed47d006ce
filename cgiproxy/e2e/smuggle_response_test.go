package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSmuggleResponses has an app that answers the first of two requests oddly.
// The client must get what belongs to that response and no more, and then the
// response to its second request: on the same connection or, where the web
// server has closed it, on the next.
func TestSmuggleResponses(t *testing.T) {
	for i, kind := range smuggleKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := new(responseBench)
			app := newStrictApp(t, b.respond)
			b.site = newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
			eachPair(t, kind, *pairs, func(index int) {
				o := generateResponse(*seed, index, i, b.site.folder)
				if o.cut && kind == fcgid {
					return // mod_fcgid ends the process, and takes its time to start another one
				}
				if err := b.try(index, o); err != nil {
					t.Errorf("pair %[1]d, %[2]s: %[3]v\n\nThe app sent:\n%.1500[4]q\nand later:\n%[5]q\nTo repeat it: go test ./cgiproxy/e2e -run '%[6]s' -seed=%[7]d -pair=%[1]d",
						index, o.what, err, o.wire, o.late, t.Name(), *seed)
				}
			})
			app.check(t)
			atLeast(t, 60, int(b.same.Load()), *pairs, "the second response came on the connection of the first")
		})
	}
}

// A responseBench makes the trials of one web server, and is its app.
type responseBench struct {
	site   site
	trials sync.Map     // from the index of a pair
	same   atomic.Int32 // second responses that came on the same connection

	// alone is locked for a response with a late part. Over FastCGI it is for
	// whoever has the app's connection by then: no proxy could tell it from the
	// response to its request.
	alone sync.RWMutex
}

// A responseTrial is a response on its way.
type responseTrial struct {
	*oddResponse
	index      int
	read, sent chan struct{} // closed when the client has it; when its late part has been sent
}

// respond is the app's part.
func (b *responseBench) respond(conn net.Conn, r received, _ int) {
	found := pairPath.FindStringSubmatch(r.line)
	if found == nil {
		return // nobody sent it: the client will miss its response
	}
	index, _ := strconv.Atoi(found[1])
	value, _ := b.trials.Load(index)
	trial := value.(*responseTrial)
	if found[2] == "second" {
		io.WriteString(conn, trial.secondResponse())
		return
	}
	io.WriteString(conn, trial.wire)
	if trial.late != "" {
		select {
		case <-trial.read:
		case <-time.After(patience):
		}
		io.WriteString(conn, trial.late)
		close(trial.sent)
	}
	if trial.closes {
		conn.Close()
	}
}

func (trial *responseTrial) secondResponse() string {
	body := "second of pair " + strconv.Itoa(trial.index)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Marker: %d\r\nContent-Length: %d\r\n\r\n%s", trial.index, len(body), body)
}

// try is the client's part.
func (b *responseBench) try(index int, o *oddResponse) error {
	if o.late != "" {
		b.alone.Lock()
		defer b.alone.Unlock()
	} else {
		b.alone.RLock()
		defer b.alone.RUnlock()
	}
	trial := &responseTrial{o, index, make(chan struct{}), make(chan struct{})}
	b.trials.Store(index, trial)

	conn, r, err := b.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	requests, second := b.request(trial, o.method, "first"), b.request(trial, "GET", "second")
	if o.pipelined {
		requests += second
	}
	io.WriteString(conn, requests)
	first, last, err := nextResponse(r, o.method)
	close(trial.read)
	if err := o.judge(first, err); err != nil {
		return err
	}
	if o.late != "" {
		select {
		case <-trial.sent:
		case <-time.After(patience):
			return errors.New("the app was not asked")
		}
	}
	if err == nil && !last {
		if !o.pipelined {
			io.WriteString(conn, second)
		}
		if _, err := r.Peek(1); err == nil {
			b.same.Add(1)
			return trial.judgeSecond(r)
		}
	}
	again, r, err := b.connect()
	if err != nil {
		return err
	}
	defer again.Close()
	io.WriteString(again, second)
	return trial.judgeSecond(r)
}

func (b *responseBench) connect() (net.Conn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", b.site.Addr)
	if err != nil {
		return nil, nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn, bufio.NewReader(conn), nil
}

func (b *responseBench) request(trial *responseTrial, method, name string) string {
	connection := ""
	if trial.last && name == "first" {
		connection = "Connection: close\r\n"
	}
	return fmt.Sprintf("%s %s/p%d-%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, b.site.folder, trial.index, name, b.site.Addr, connection)
}

// judge checks the response to the first request.
func (o *oddResponse) judge(m message, err error) error {
	switch {
	case strings.Contains(m.head(), "evil"):
		return fmt.Errorf("the client got a field that is none: %.1000q", m.head())
	case m.interim != "":
		return fmt.Errorf("the client got %.200q before the response", m.interim)
	case o.cut && (err != nil || m.status() >= "500"):
		return nil
	case err != nil:
		return fmt.Errorf("the client got %.300q and then %w", m.head(), err)
	case m.status() != o.status:
		return fmt.Errorf("the client got %q, want status %s", m.start, o.status)
	case o.status == "502", string(m.body) == o.body, o.cut && strings.HasPrefix(o.body, string(m.body)):
		return nil
	}
	return fmt.Errorf("the client got a body of %d bytes %.300q, want %d bytes %.300q", len(m.body), m.body, len(o.body), o.body)
}

// judgeSecond reads the response to the second request.
func (trial *responseTrial) judgeSecond(r *bufio.Reader) error {
	m, _, err := nextResponse(r, "GET")
	_, body, _ := strings.Cut(trial.secondResponse(), "\r\n\r\n")
	if err != nil || m.status() != "200" || m.value("X-Marker") != strconv.Itoa(trial.index) || string(m.body) != body {
		return fmt.Errorf("the second request was answered %.500q with the body %.500q, %v", m.head(), m.body, err)
	}
	return nil
}
