package e2e

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var (
	pairs    = flag.Int("pairs", 160, "how many pairs of requests TestSmuggleResponses makes from -seed, and TestSmuggleRequests four times as many")
	onlyPair = flag.Int("pair", -1, "the one pair that they make, -1 for all")
)

// smuggleKinds are the web servers, each with CGI and with FastCGI.
var smuggleKinds = []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec, lighttpd, nginx, fcgid, webserver.LighttpdFastCGI, webserver.NginxFastCGIKeep}

// eachPair calls try for each of n pairs, for a few at a time, until the test
// has failed.
func eachPair(t *testing.T, kind webserver.Kind, n int, try func(index int)) {
	workers, first, last := 4, 0, n
	if kind == fcgid { // it lets those wait for a second who find no process free
		workers = 1
	}
	if *onlyPair >= 0 {
		first, last = *onlyPair, *onlyPair+1
	}
	var running sync.WaitGroup
	queue := make(chan int)
	for range workers {
		running.Go(func() {
			for index := range queue {
				if !t.Failed() {
					try(index)
				}
			}
		})
	}
	for index := first; index < last; index++ {
		queue <- index
	}
	close(queue)
	running.Wait()
}

// atLeast fails a run in which too few of n pairs show anything: web servers
// refuse many by themselves.
func atLeast(t *testing.T, percent, got, n int, what string) {
	t.Helper()
	t.Logf("%d of %d pairs: %s", got, n, what)
	if *onlyPair < 0 && n >= 100 && got < n*percent/100 {
		t.Errorf("want %d %% of the pairs at least", percent)
	}
}

// TestSmuggleRequests sends generated pairs of requests. Where the first one
// ends is for the web server to decide. Whatever it decides: no byte is part of
// two requests that the app gets, none of them is one that the web server knows
// nothing of, and none looks whole that is not.
func TestSmuggleRequests(t *testing.T) {
	for _, kind := range smuggleKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newStrictApp(t, tellNumber)
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
			s.WriteFile(t, s.folder[1:]+"/end.txt", "the end", 0o644)
			n := 4 * *pairs
			var visits sync.Map
			eachPair(t, kind, n, func(index int) {
				v := &pairVisit{pair: generatePair(*seed, index, s.folder, s.Addr)}
				if v.send(s.Addr); errors.Is(v.err, os.ErrDeadlineExceeded) {
					t.Errorf("pair %d is neither answered nor is the connection closed", index)
				}
				visits.Store(index, v)
			})
			app.check(t)
			arrivals := sortArrivals(t, app.since(0))
			visits.Range(func(index, v any) bool {
				v.(*pairVisit).check(t, s.Kind, index.(int), arrivals[index.(int)])
				return true
			})
			count(t, arrivals, n)
		})
	}
}

// A pairVisit is what became of a pair for the client.
type pairVisit struct {
	pair      *pair
	responses []string // status lines
	numbers   []int    // that the app gave, of those responses that are the app's
	err       error    // what ended the connection before a response that is the last
}

// send sends the pair and collects the responses until the connection ends.
func (v *pairVisit) send(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		v.err = err
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go func() { // beside the reading, as in visit
		io.WriteString(conn, v.pair.head+v.pair.rest)
		if v.pair.hungry {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	r := bufio.NewReader(conn)
	for last := false; !last; {
		var m message
		if m, last, v.err = nextResponse(r, "GET"); v.err != nil {
			return
		}
		v.responses = append(v.responses, m.start)
		if number, err := strconv.Atoi(m.value("X-Number")); err == nil {
			v.numbers = append(v.numbers, number)
		}
	}
	if surplus, _ := io.ReadAll(r); len(surplus) > 0 {
		v.err = fmt.Errorf("behind the last response: %.200q", surplus)
	}
}

// nextResponse is readResponse where there may be something else, or the end.
func nextResponse(r *bufio.Reader, method string) (message, bool, error) {
	start, err := r.Peek(len("HTTP/"))
	if string(start) == "HTTP/" {
		return readResponse(r, method)
	}
	if len(start) > 0 {
		start, _ = r.Peek(r.Buffered())
		err = fmt.Errorf("in place of a response: %.200q", start)
	}
	return message{}, true, err
}

// An arrival is a whole request that the app got.
type arrival struct {
	number int
	name   string // first, inner1, inner2, second
	body   string
}

// pairPath finds the pair and the name of a request.
var pairPath = regexp.MustCompile(`/p([0-9]+)-(first|inner1|inner2|second)`)

// sortArrivals returns the whole requests of each pair.
func sortArrivals(t *testing.T, requests []received) map[int][]arrival {
	t.Helper()
	arrivals := map[int][]arrival{}
	for i, r := range requests {
		found := pairPath.FindStringSubmatch(r.line)
		switch {
		case found == nil:
			t.Errorf("nobody sent the request %q with the body %.300q", r.line, r.body)
		case strings.Contains(strings.Join(r.lines, "\n"), "evil"):
			t.Errorf("a trailer of pair %s became a field: %q", found[1], r.lines)
		case r.err == nil:
			index, _ := strconv.Atoi(found[1])
			arrivals[index] = append(arrivals[index], arrival{i + 1, found[2], string(r.body)})
		}
	}
	return arrivals
}

func count(t *testing.T, arrivals map[int][]arrival, n int) {
	t.Helper()
	names := map[string]int{}
	for _, pair := range arrivals {
		for _, a := range pair {
			names[a.name]++
		}
	}
	atLeast(t, 30, names["first"], n, "the app got the first request whole")
	atLeast(t, 20, names["second"], n, "the app got the second request")
	atLeast(t, 1, names["inner1"], n, "the web server took what was meant as a body for a request")
}

// check checks one pair.
func (v *pairVisit) check(t *testing.T, kind webserver.Kind, index int, arrivals []arrival) {
	t.Helper()
	if kind == fcgid && v.pair.broken {
		return // mod_fcgid gives what it could read of such chunks a length, so that they look whole
	}
	err := v.judgeOrder(arrivals)
	// fcgiwrap ends the script's input as if the body were whole. proxy.cgi looks
	// for the client, but one that left before it started was never there.
	left := v.pair.hungry && kind == nginx
	if err == nil && len(arrivals) > 0 && arrivals[0].name == "first" && !left {
		err = v.judgeFirst(arrivals)
	}
	if err == nil {
		err = v.judgeResponses(arrivals)
	}
	if err != nil {
		t.Errorf("pair %[1]d: %[2]v\n\nThe client sent:\n%.1500[3]q\n%.3000[4]q\nThe app got:\n%.1000[5]q\nThe client got:\n%[6]q %[7]v\nTo repeat it: go test ./cgiproxy/e2e -run '%[8]s' -seed=%[9]d -pair=%[1]d",
			index, err, v.pair.head, v.pair.rest, fmt.Sprint(arrivals), v.responses, v.err, t.Name(), *seed)
	}
}

// judgeOrder wants each request once and in order, the plain ones with the
// bodies that they have.
func (v *pairVisit) judgeOrder(arrivals []arrival) error {
	end := -2 // the first request is before rest
	for _, a := range arrivals {
		at := v.pair.place(a.name)
		switch {
		case at <= end:
			return fmt.Errorf("the app got %s twice, or too late", a.name)
		case a.name == "second" && a.body != secondBody, a.name != "second" && a.name != "first" && a.body != "":
			return fmt.Errorf("the app got %s with the body %.300q", a.name, a.body)
		}
		end = at
	}
	return nil
}

// judgeFirst wants a reading that explains the first request's body, and that
// leaves the requests behind it outside of it.
func (v *pairVisit) judgeFirst(arrivals []arrival) error {
	next := len(v.pair.rest)
	if len(arrivals) > 1 {
		next = v.pair.place(arrivals[1].name)
	}
	explained := false
	for _, r := range v.pair.readings {
		if r.body == arrivals[0].body {
			explained = true
			if r.end <= next {
				return nil
			}
		}
	}
	if explained {
		return fmt.Errorf("%s stood in the body of the first request", arrivals[1].name)
	}
	return fmt.Errorf("the first request has a body that nobody sent: %.300q", arrivals[0].body)
}

// judgeResponses wants no response but to the requests that the app got, and
// one to each. A server that closes a connection on which there is something to
// read loses responses on their way (RFC 9112, section 9.6).
func (v *pairVisit) judgeResponses(arrivals []arrival) error {
	var numbers []int
	for _, a := range arrivals {
		numbers = append(numbers, a.number)
	}
	for i, number := range v.numbers {
		if !slices.Contains(numbers, number) || slices.Contains(v.numbers[:i], number) {
			return fmt.Errorf("the client got the response to request %d, which is not its own, or got it twice", number)
		}
	}
	orderly := !v.pair.hungry && (v.err == nil || v.err == io.EOF)
	if orderly && len(v.numbers) != len(numbers) {
		return errors.New("the app got a request that the web server knows nothing of")
	}
	return nil
}
