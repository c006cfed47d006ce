package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var (
	seed      = flag.Uint64("seed", 2009, "what TestDifferential generates its trials from")
	onlyTrial = flag.Int("trial", -1, "the one trial that TestDifferential makes, -1 for all")
)

// A way leads from the client to the app.
type way int

const (
	direct      way = 0
	viaModProxy way = 1 << (iota - 1)
	viaCGI
	viaBoth = viaModProxy | viaCGI
)

var wayNames = map[way]string{direct: "directly", viaModProxy: "through mod_proxy", viaCGI: "through proxy.cgi"}

// TestDifferential sends generated requests straight to an app, through
// Apache's mod_proxy and through Apache's CGI and proxy.cgi. What the app gets
// and what the client gets must be the same on all three ways, but for the
// rows of differences. Each of those must occur.
func TestDifferential(t *testing.T) {
	const workers = 4
	trials := 3000
	if testing.Short() {
		trials = 300
	}
	if *onlyTrial >= 0 {
		newBench(t).try(t, *onlyTrial)
		return
	}
	t.Run("trials", func(t *testing.T) {
		for w := range workers {
			t.Run(strconv.Itoa(w), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				for i := w; i < trials && !t.Failed(); i += workers {
					b.try(t, i)
				}
			})
		}
	})
	if t.Failed() || testing.Short() { // 300 trials do not meet the rarest
		return
	}
	for i, d := range differences {
		for _, w := range []way{viaModProxy, viaCGI} {
			if d.ways&w != 0 && used[i][w].Load() == 0 {
				t.Errorf("no difference any more %s: %s", wayNames[w], d.what)
			}
		}
	}
}

// A bench is an app with its three ways. It makes one trial at a time.
type bench struct {
	app     *recorder
	current atomic.Pointer[trial]
	ways    map[way]*client
}

func newBench(t *testing.T) *bench {
	b := new(bench)
	b.app = newRecorder(t, func(conn net.Conn, _ received) {
		c := b.current.Load()
		conn.Write(c.response.wire(c.chunk, c.pad))
	})
	const config = "AllowEncodedSlashes NoDecode\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n" // see keepAlive
	cgi := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: config})
	cgi.Install(t, "proxy.cgi", binary)
	cgi.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+b.app.addr+"\n", 0o600)
	cgi.WriteFile(t, ".htaccess", example(t), 0o644)
	// The app closes each connection, so mod_proxy must not use one again.
	proxy := webserver.Run(t, webserver.ApacheEvent, webserver.Options{
		Config: config + "LogLevel error\nSetEnv proxy-nokeepalive 1\n" + modProxy("/", b.app.addr),
	})
	b.ways = map[way]*client{
		direct:      {addr: b.app.addr},
		viaModProxy: {addr: proxy.Addr, keepAlive: true},
		viaCGI:      {addr: cgi.Addr, keepAlive: true},
	}
	return b
}

// keepAlive is what Apache says of a connection that it keeps.
const keepAlive = "timeout=60"

// A crossing is one trial on one way: what came, and what has to come.
type crossing struct {
	*trial
	*bench
	way       way
	got, want exchanged
}

// exchanged is what the app got and what the client got.
type exchanged struct{ request, response message }

// try makes a trial on all ways.
func (b *bench) try(t *testing.T, index int) {
	c := generate(*seed, index, b.app.addr)
	b.current.Store(c)
	for _, w := range []way{direct, viaModProxy, viaCGI} {
		x := &crossing{trial: c, bench: b, way: w, want: exchanged{c.request, c.response}}
		x.want.request.fields = slices.Clone(x.want.request.fields)
		x.want.response.fields = slices.Clone(x.want.response.fields)
		err := x.cross()
		if err == nil {
			x.allow()
			err = x.compare()
		}
		if err != nil {
			t.Errorf("trial %[1]d %[2]s: %[3]v\n\nThe request:\n%[4]s\nThe app's response:\n%[5]s\nTo repeat it: go test ./cgiproxy/e2e -run TestDifferential -seed=%[6]d -trial=%[1]d",
				index, wayNames[w], err, c.request.summary(), c.response.summary(), *seed)
		}
	}
}

// cross sends the request and collects what the app and the client get.
func (x *crossing) cross() (err error) {
	x.got.response, err = x.ways[x.way].send(x.trial)
	select {
	case r := <-x.app.got: // sent before the app answers
		x.got.request = message{start: r.line, fields: parseFields(r.lines), body: r.body}
		if err == nil && r.err != nil {
			err = fmt.Errorf("the app got a broken request: %w", r.err)
		}
	default:
	}
	if err == nil && len(x.app.got) > 0 {
		err = errors.New("the app was asked twice")
	}
	return err
}

// allow applies the way's differences to what has to come, and counts those
// that there were.
func (x *crossing) allow() {
	for i, d := range differences {
		if d.ways&x.way == 0 {
			continue
		}
		before := x.heads()
		d.apply(x)
		if x.heads() != before {
			used[i][x.way].Add(1)
		}
	}
}

func (x *crossing) heads() string {
	return x.want.request.head() + x.want.response.head() + x.got.request.head() + x.got.response.head()
}

// used counts how often each of the differences occurred on each way.
var used = make([][viaCGI + 1]atomic.Int32, len(differences))

// compare reports what differs without being allowed to.
func (x *crossing) compare() error {
	var b strings.Builder
	if x.got.request.start == "" && x.want.request.start != "" {
		b.WriteString("\nthe app was not asked")
	}
	for _, m := range []struct {
		who       string
		want, got message
	}{
		{"the app", x.want.request, x.got.request},
		{"the client", x.want.response, x.got.response},
	} {
		if want, got := m.want.head(), m.got.head(); want != got {
			fmt.Fprintf(&b, "\n%s got a head that differs (- wanted, + got):%s", m.who, lineDiff(want, got))
		}
		if want, got := m.want.body, m.got.body; !bytes.Equal(want, got) {
			same := 0
			for same < min(len(want), len(got)) && want[same] == got[same] {
				same++
			}
			fmt.Fprintf(&b, "\n%s got a body of %d bytes, wanted %d, the first %d the same", m.who, len(got), len(want), same)
		}
	}
	if b.Len() > 0 {
		return errors.New(b.String())
	}
	return nil
}

// lineDiff returns the lines that only one of two texts has.
func lineDiff(want, got string) string {
	var b strings.Builder
	wants, gots := strings.Split(want, "\r\n"), strings.Split(got, "\r\n")
	for _, line := range wants {
		if !slices.Contains(gots, line) {
			fmt.Fprintf(&b, "\n- %.200q", line)
		}
	}
	for _, line := range gots {
		if !slices.Contains(wants, line) {
			fmt.Fprintf(&b, "\n+ %.200q", line)
		}
	}
	return b.String()
}
