// Package ondemand starts an app with the first request and stops or restarts
// it, from processes that live for milliseconds. In the order to read:
//
//	app.go      the options; a request's way: Enter, Dial
//	gate.go     what a request costs with the app running; how a stop holds requests back
//	lock.go     the kernel lock under which anything changes; state.go is what is known;
//	            site.go: whose folder it is
//	start.go    the starter's side; run.go what it runs in between; ready.go waits for the app
//	restart.go  stop and restart; replace.go does it while the old app goes on (Auto)
//	leave.go    what a request leaves half done, and how the next one goes on with it
//	idle.go     the watcher, the one process that stays, and only with IdleStop (takeover.go)
//	process.go  which processes are the app's (process_linux.go, process_bsd.go, listen_linux.go)
//
// The owner's settings and files in Dir are believed, and so is the kernel.
// Nothing of a request gets here.
package ondemand
