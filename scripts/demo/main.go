// Demo shows proxy.cgi at work: a demo app on one local port, and on another a
// small CGI web server that runs the real proxy.cgi once for every request.
//
//	go run ./scripts/demo ./proxy.cgi
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"proxy.cgi/scripts/demo/cgihost"
)

func main() {
	app := flag.String("app", "127.0.0.1:6543", "`address` of the demo app")
	listen := flag.String("listen", "127.0.0.1:8080", "`address` of the CGI web server")
	started := flag.Bool("ondemand", false, "let proxy.cgi start the app with the first request")
	name := flag.String("example", "", "show this `one` of scripts/examples in place of the demo app")
	serve := flag.Bool("serve", false, "be the app, on the port that PORT says")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: demo [-app address | -ondemand | -example name] [-listen address] path/to/proxy.cgi")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *serve {
		fmt.Fprintln(os.Stderr, "demo:", serveApp())
		os.Exit(1)
	}
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	// SIGHUP: the terminal was closed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C does not wait.
	context.AfterFunc(ctx, stop)
	var d interface {
		greet(io.Writer)
		serve(context.Context) error
	}
	var err error
	script := flag.Arg(0)
	switch {
	case *name != "":
		d, err = openOnDemand(script, *listen, example(ctx, *name))
	case *started:
		var command string
		if command, err = ownCommand(); err == nil {
			d, err = openOnDemand(script, *listen, demoApp(command))
		}
	default:
		d, err = open(script, *app, *listen)
	}
	if err == nil {
		d.greet(os.Stdout)
		err = d.serve(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// A demo is the two servers, listening but not yet serving.
type demo struct {
	script      string
	app, public net.Listener
}

// open takes both ports, so that what can fail has failed before anything runs.
func open(script, app, public string) (*demo, error) {
	if info, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("%w: build it with \"make build\"", err)
	} else if info.IsDir() || info.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("%s is not a program: build it with \"make build\"", script)
	}
	a, err := claim(app, "app", "APP")
	if err != nil {
		return nil, err
	}
	p, err := claim(public, "listen", "LISTEN")
	if err != nil {
		a.Close()
		return nil, err
	}
	return &demo{script, a, p}, nil
}

// claim listens on the address; its error says how to choose another.
func claim(address, flagName, variable string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop that one, or choose another port with -%s 127.0.0.1:PORT (make run %s=127.0.0.1:PORT)",
			address, flagName, variable)
	case err != nil:
		return nil, fmt.Errorf("%w: choose another address with -%s (make run %s=...)", err, flagName, variable)
	}
	return l, nil
}

func (d *demo) greet(w io.Writer) {
	fmt.Fprintf(w, `
  http://%s/   the demo app behind proxy.cgi: open this
  http://%s/   the app itself, for comparison

Ctrl-C ends both. What follows is proxy.cgi's log: the page has two answers cut
short and tries a websocket, all on purpose.

`, d.public.Addr(), d.app.Addr())
}

// serve runs both servers until ctx is done and returns when neither they nor
// any proxy.cgi are left.
func (d *demo) serve(ctx context.Context) error {
	app := newApp(d.app.Addr().String())
	defer app.Close() // after proxy.cgi, which would log that the app went away
	go app.Serve(headListener{d.app})
	return cgihost.Serve(ctx, d.public, cgihost.Script{
		Path: d.script,
		Env:  []string{"CGIPROXY_UPSTREAM=" + d.app.Addr().String()},
	})
}
