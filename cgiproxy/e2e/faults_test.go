package e2e

import (
	"fmt"
	"sync"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A fault is an exchange that breaks off, and what each side sees of that.
type fault struct {
	at      *stage
	by      *culprit
	visitor string                    // his view (caller.view), a|b for either; "" for one who has left
	app     string                    // the app's view of the request, whole or cut; "" where it is the culprit itself
	logged  bool                      // the error log must say that the answer was cut short
	but     map[webserver.Kind]string // what the visitor sees behind these servers
	except  map[webserver.Kind]string // servers that do not get that far, and why
}

// What the servers do to all faults of a kind.
var (
	// Without a length, they take the end of the script for the end of the
	// answer: only the log tells that there was more. FastCGI has an end of its
	// own, and lighttpd minds.
	looksWhole = on("200", webserver.ApacheEvent, lighttpd, nginx)

	// A part of a chunk goes out together with the end: lighttpd may see both at
	// once, and then take it for the end of the answer.
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

// faults in the order of an exchange. Further ones: answers that are malformed,
// cut, or too late, on all servers in failureCases; cut at each byte in
// TestFaultsAtEachByte; uploads cut on the web server's side in
// TestFaultsOfStdin; more of visitors who leave in TestLeave and, with the end
// of proxy.fcgi, in the tests of FastCGI.
var faults = []fault{
	{at: connecting, by: refuses, visitor: "502"},
	{at: connecting, by: acceptsNobody, visitor: "504"},
	{at: connecting, by: closesAtOnce, visitor: "502"},
	{at: connecting, by: resetsAtOnce, visitor: "502"},

	{at: inUpload, by: appCloses, visitor: "502", except: holdsUploads},
	{at: inUpload, by: appResets, visitor: "502", except: holdsUploads},
	{at: inUpload, by: appKilled, visitor: "502", except: holdsUploads},
	{at: inUpload, by: appSilent, visitor: "504", app: "whole", except: holdsUploads},
	{at: inUpload, by: proxySIGTERM, visitor: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inUpload, by: proxySIGKILL, visitor: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inUpload, by: visitorCloses, app: "cut", except: holdsUploads},
	{at: inUpload, by: visitorResets, app: "cut", except: holdsUploads},
	{at: inUpload, by: serverKilled, visitor: "nothing", but: killedInTurn, app: "cut", except: holdsUploads},

	{at: inChunkedUpload, by: appCloses, visitor: "502", except: holdsUploads},
	{at: inChunkedUpload, by: proxySIGTERM, visitor: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inChunkedUpload, by: proxySIGKILL, visitor: "500", app: "cut", but: ends502, except: holdsUploads},
	{at: inChunkedUpload, by: visitorCloses, app: "cut", except: holdsUploads},
	{at: inChunkedUpload, by: visitorResets, app: "cut", except: holdsUploads},
	{at: inChunkedUpload, by: serverKilled, visitor: "nothing", but: killedInTurn, app: "cut", except: fcgiwrapEnds},

	{at: inLargeUpload, by: appStopsReading, visitor: "504", app: "cut"},
	{at: inLargeUpload, by: appKilled, visitor: "502"},

	{at: beforeAnswer, by: appCloses, visitor: "502"},
	{at: beforeAnswer, by: appResets, visitor: "502"},
	{at: beforeAnswer, by: appKilled, visitor: "502"},
	{at: beforeAnswer, by: appSilent, visitor: "504", app: "whole"},
	{at: beforeAnswer, by: proxySIGTERM, visitor: "500", app: "whole", but: ends502, except: endsLater},
	{at: beforeAnswer, by: proxySIGKILL, visitor: "500", app: "whole", but: ends502},
	{at: beforeAnswer, by: visitorResets, app: "whole"},
	{at: beforeAnswer, by: serverStopped, visitor: "nothing", app: "whole"},
	{at: beforeAnswer, by: serverKilled, visitor: "nothing", but: killedInTurn, app: "whole", except: leavesItself},
	{at: beforeAnswer, by: serverFinishes, visitor: "200", app: "whole"},
	{at: beforeAnswer, by: serverBusy, visitor: "200 cut"},

	{at: inHeader, by: appResets, visitor: "502"},
	{at: inHeader, by: appKilled, visitor: "502"},
	{at: inHeader, by: appSilent, visitor: "504", app: "whole"},
	{at: inHeader, by: proxySIGTERM, visitor: "500", app: "whole", but: ends502, except: endsLater},
	{at: inHeader, by: visitorCloses, app: "whole"},
	{at: inHeader, by: serverStopped, visitor: "nothing", app: "whole"},

	{at: inBody, by: appResets, visitor: "200 cut", logged: true},
	{at: inBody, by: appKilled, visitor: "200 cut", logged: true},
	{at: inBody, by: proxySIGTERM, visitor: "200 cut", app: "whole", except: endsLater},
	{at: inBody, by: proxySIGKILL, visitor: "200 cut", app: "whole"},
	{at: inBody, by: visitorResets, app: "whole"},
	{at: inBody, by: serverStopped, visitor: "200 cut", app: "whole"},
	{at: inBody, by: serverKilled, visitor: "200 cut", app: "whole", except: leavesItself},
	{at: inBodyUnseen, by: appResets, visitor: "200 cut", logged: true},

	{at: inLargeAnswer, by: appKilled, visitor: "200 cut", logged: true},
	{at: inLargeAnswer, by: proxySIGKILL, visitor: "200 cut", app: "whole"},
	{at: inLargeAnswer, by: visitorCloses, app: "whole"},

	{at: inChunkSize, by: appCloses, visitor: "200 cut", logged: true, but: looksWhole},
	{at: inChunk, by: appResets, visitor: "200", logged: true, but: mayMind},
	{at: inChunk, by: appPauses, visitor: "200", app: "whole", logged: true, but: mayMind},
	{at: betweenChunks, by: appKilled, visitor: "200 cut", logged: true, but: looksWhole},
	{at: betweenChunks, by: serverStopped, visitor: "200 cut", app: "whole"},
	{at: inLastChunk, by: appCloses, visitor: "200 cut", logged: true, but: looksWhole},
	// Whole by RFC 9112, section 8: the last chunk has come.
	{at: inTrailer, by: appCloses, visitor: "200"},
	{at: inTrailer, by: appPauses, visitor: "200", app: "whole"},

	{at: withoutLength, by: appResets, visitor: "200 cut", logged: true, but: looksWhole},
	// The kernel closes for it as it would have done itself (RFC 9112, section
	// 8): nobody can tell.
	{at: withoutLength, by: appKilled, visitor: "200"},

	{at: inSilentStream, by: appKilled, visitor: "200 cut", logged: true, but: looksWhole},
	{at: inSilentStream, by: proxySIGTERM, visitor: "200", app: "whole", except: endsLater},
	{at: inSilentStream, by: proxySIGKILL, visitor: "200 cut", app: "whole", but: looksWhole},
	{at: inSilentStream, by: visitorResets, app: "whole"},
	{at: inSilentStream, by: serverStopped, visitor: "200 cut", app: "whole"},
	{at: inSilentStream, by: serverKilled, visitor: "200 cut", app: "whole", except: leavesItself},
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
