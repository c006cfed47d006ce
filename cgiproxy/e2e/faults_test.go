package e2e

import (
	"fmt"
	"sync"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A fault is an exchange that breaks off, and what each side sees of that.
type fault struct {
	at     *stage
	by     *culprit
	client string                    // its view (caller.view), a|b for either; "" for one that has left
	app    string                    // the app's view of the request, whole or cut; "" where it is the culprit itself
	logged bool                      // the error log must say that the response was cut short
	but    map[webserver.Kind]string // what the client sees behind these servers
	except map[webserver.Kind]string // servers that do not get that far, and why
}

// What the servers do to all faults of a kind.
var (
	// Without a length, they take the end of the script for the end of the
	// response: only the log tells that there was more. FastCGI has an end of its
	// own, and lighttpd minds.
	looksWhole = on("200", webserver.ApacheEvent, lighttpd, nginx)

	// A part of a chunk goes out together with the end: lighttpd may see both at
	// once, and then take it for the end of the response.
	mayMind = on("200|200 cut", webserver.LighttpdFastCGI)

	// A worker of nginx may outlive its fcgiwrap for a moment.
	killedInTurn = on("nothing|502", nginx)

	// nginx has a status of its own for a script that says nothing.
	ends502 = on("502", nginx)

	holdsUploads = on("holds an upload back until it is whole", lighttpds...)
	fcgiwrapEnds = and(on("ends stdin as if the body were whole, with stdout still open", nginx), holdsUploads[lighttpd], lighttpds...)
	endsLater    = on("ends after what is under way: TestFastCGISignals", webserver.LighttpdFastCGI)
	leavesItself = on("leaves the programs that it has started behind, whatever they are", webserver.LighttpdFastCGI)
)

// faults in the order of an exchange. Further ones: responses that are
// malformed, cut, or too late, on all servers in failureCases; cut at each byte
// in TestFaultsAtEachByte; uploads cut on the web server's side in
// TestFaultsOfStdin; more of clients that leave in TestLeave and, with the end
// of proxy.fcgi, in the tests of FastCGI.
var faults = []fault{
	{at: connecting, by: refuses, client: "502"},
	{at: connecting, by: acceptsNobody, client: "504"},
	{at: connecting, by: closesAtOnce, client: "502"},
	{at: connecting, by: resetsAtOnce, client: "502"},

	{at: inUpload, by: appCloses, client: "502", except: holdsUploads},
	{at: inUpload, by: appResets, client: "502", except: holdsUploads},
	{at: inUpload, by: appKilled, client: "502", except: holdsUploads},
	{at: inUpload, by: appSilent, client: "504", app: "whole", except: holdsUploads},
	{at: inUpload, by: proxySIGTERM, client: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inUpload, by: proxySIGKILL, client: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inUpload, by: clientCloses, app: "cut", except: holdsUploads},
	{at: inUpload, by: clientResets, app: "cut", except: holdsUploads},
	{at: inUpload, by: serverKilled, client: "nothing", but: killedInTurn, app: "cut", except: holdsUploads},

	{at: inChunkedUpload, by: appCloses, client: "502", except: holdsUploads},
	{at: inChunkedUpload, by: proxySIGTERM, client: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inChunkedUpload, by: proxySIGKILL, client: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inChunkedUpload, by: clientCloses, app: "cut", except: holdsUploads},
	{at: inChunkedUpload, by: clientResets, app: "cut", except: holdsUploads},
	{at: inChunkedUpload, by: serverKilled, client: "nothing", but: killedInTurn, app: "cut", except: fcgiwrapEnds},

	{at: inLargeUpload, by: appStopsReading, client: "504", app: "cut"},
	{at: inLargeUpload, by: appKilled, client: "502"},

	{at: beforeResponse, by: appCloses, client: "502"},
	{at: beforeResponse, by: appResets, client: "502"},
	{at: beforeResponse, by: appKilled, client: "502"},
	{at: beforeResponse, by: appSilent, client: "504", app: "whole"},
	{at: beforeResponse, by: proxySIGTERM, client: "500", app: "whole", but: ends502, except: endsLater},
	{at: beforeResponse, by: proxySIGKILL, client: "500", app: "whole", but: ends502},
	{at: beforeResponse, by: clientResets, app: "whole"},
	{at: beforeResponse, by: serverStopped, client: "nothing", app: "whole"},
	{at: beforeResponse, by: serverKilled, client: "nothing", but: killedInTurn, app: "whole", except: leavesItself},
	{at: beforeResponse, by: serverFinishes, client: "200", app: "whole"},
	{at: beforeResponse, by: serverBusy, client: "200 cut"},

	{at: inHeader, by: appResets, client: "502"},
	{at: inHeader, by: appKilled, client: "502"},
	{at: inHeader, by: appSilent, client: "504", app: "whole"},
	{at: inHeader, by: proxySIGTERM, client: "500", app: "whole", but: ends502, except: endsLater},
	{at: inHeader, by: clientCloses, app: "whole"},
	{at: inHeader, by: serverStopped, client: "nothing", app: "whole"},

	{at: inBody, by: appResets, client: "200 cut", logged: true},
	{at: inBody, by: appKilled, client: "200 cut", logged: true},
	{at: inBody, by: proxySIGTERM, client: "200 cut", app: "whole", except: endsLater},
	{at: inBody, by: proxySIGKILL, client: "200 cut", app: "whole"},
	{at: inBody, by: clientResets, app: "whole"},
	{at: inBody, by: serverStopped, client: "200 cut", app: "whole"},
	{at: inBody, by: serverKilled, client: "200 cut", app: "whole", except: leavesItself},
	{at: inBodyUnseen, by: appResets, client: "200 cut", logged: true},

	{at: inLargeResponse, by: appKilled, client: "200 cut", logged: true},
	{at: inLargeResponse, by: proxySIGKILL, client: "200 cut", app: "whole"},
	{at: inLargeResponse, by: clientCloses, app: "whole"},

	{at: inChunkSize, by: appCloses, client: "200 cut", logged: true, but: looksWhole},
	{at: inChunk, by: appResets, client: "200", logged: true, but: mayMind},
	{at: inChunk, by: appPauses, client: "200", app: "whole", logged: true, but: mayMind},
	{at: betweenChunks, by: appKilled, client: "200 cut", logged: true, but: looksWhole},
	{at: betweenChunks, by: serverStopped, client: "200 cut", app: "whole"},
	{at: inLastChunk, by: appCloses, client: "200 cut", logged: true, but: looksWhole},
	// Whole by RFC 9112, section 8: the last chunk has come.
	{at: inTrailer, by: appCloses, client: "200"},
	{at: inTrailer, by: appPauses, client: "200", app: "whole"},

	{at: withoutLength, by: appResets, client: "200 cut", logged: true, but: looksWhole},
	// The kernel closes for it as it would have done itself (RFC 9112, section
	// 8): nobody can tell.
	{at: withoutLength, by: appKilled, client: "200"},

	{at: inSilentStream, by: appKilled, client: "200 cut", logged: true, but: looksWhole},
	{at: inSilentStream, by: proxySIGTERM, client: "200", app: "whole", except: endsLater},
	{at: inSilentStream, by: proxySIGKILL, client: "200 cut", app: "whole", but: looksWhole},
	{at: inSilentStream, by: clientResets, app: "whole"},
	{at: inSilentStream, by: serverStopped, client: "200 cut", app: "whole"},
	{at: inSilentStream, by: serverKilled, client: "200 cut", app: "whole", except: leavesItself},
}

var faultKinds = []webserver.Kind{webserver.ApacheEvent, lighttpd, nginx, webserver.LighttpdFastCGI}

// TestFaults breaks an exchange at each of its stages. Neither side may take
// for whole what is not, and nothing may be left of it.
func TestFaults(t *testing.T) {
	for _, kind := range faultKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			rows := faultsOf(nil)
			s := webserver.Run(t, kind, faultOptions(kind, len(rows)))
			// The rows wait more than they work: without t.Parallel, which lets
			// no more than one run on each processor.
			var running sync.WaitGroup
			slots := make(chan bool, 10)
			run := func(name string, test func(*testing.T)) {
				slots <- true
				running.Go(func() {
					defer func() { <-slots }()
					t.Run(name, test)
				})
			}
			for _, by := range []*culprit{serverStopped, serverKilled, serverBusy, serverFinishes} {
				run(by.name, func(t *testing.T) { testEndOfServer(t, kind, by) })
			}
			for i, f := range rows {
				run(f.at.name+"/"+f.by.name, func(t *testing.T) { f.run(t, s, faultFolder(i)) })
			}
			running.Wait()
		})
	}
}

func (f fault) run(t *testing.T, s *webserver.Server, folder string) {
	if reason, ok := f.except[s.Kind]; ok {
		t.Skip(reason)
	}
	x := f.begin(t, s, folder)
	x.await(t)
	if f.by.breaks != nil {
		f.by.breaks(t, x)
	}
	x.check(t)
}

// faultsOf returns the rows of a culprit, or with nil those of all who leave
// the web server alone.
func faultsOf(by *culprit) (rows []fault) {
	for _, f := range faults {
		if f.by == by || by == nil && f.by.server == nil {
			rows = append(rows, f)
		}
	}
	return rows
}

func faultFolder(i int) string { return fmt.Sprintf("f%d", i) }

// faultOptions is for a server with a folder for each of n faults: not the one
// of all tests, for some faults are its end.
func faultOptions(kind webserver.Kind, n int) webserver.Options {
	var o webserver.Options
	for i := range n {
		o.Folders = append(o.Folders, faultFolder(i))
	}
	if kind == webserver.LighttpdFastCGI {
		o.Program = binary
	}
	return o
}
