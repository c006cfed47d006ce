package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"proxy.cgi/scripts/demo/cgihost"
	"proxy.cgi/scripts/examples"
)

// ownCommand runs this program as the app.
func ownCommand() (string, error) {
	self, err := os.Executable()
	return fmt.Sprintf("exec '%s' -serve", self), err
}

// serveApp is the demo app alone, as START runs it, until SIGTERM.
func serveApp() error {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	fmt.Println("the demo app listens on", l.Addr())
	return newApp(l.Addr().String()).Serve(headListener{l})
}

// An onDemand is a site whose app runs only once somebody has asked for a page.
type onDemand struct {
	folder string // has the two below
	site   string
	app    string
	public net.Listener
}

// A source puts an app into its folder, and returns its lines of .htcgiproxy.
type source func(dir string) (settings string, err error)

// demoApp is this program's own app, which command starts.
func demoApp(command string) source {
	return func(dir string) (string, error) {
		return fmt.Sprintf("CGIPROXY_UPSTREAM=auto\nCGIPROXY_START_DIR='%s'\nCGIPROXY_START=\"%s\"\n", dir, command), nil
	}
}

// example is one of scripts/examples.
func example(ctx context.Context, name string) source {
	return func(dir string) (string, error) {
		fmt.Printf("getting %s ready, which may take half a minute\n", name)
		if err := examples.Put(ctx, name, "", dir); err != nil {
			return "", err
		}
		return examples.Settings(name, "", dir)
	}
}

// openOnDemand makes the site's folder, and that of its app.
func openOnDemand(script, public string, app source) (_ *onDemand, err error) {
	d := &onDemand{}
	if d.public, err = claim(public, "listen", "LISTEN"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.folder, err = os.MkdirTemp("", "proxy.cgi-demo"); err != nil {
		return nil, err
	}
	d.site, d.app = filepath.Join(d.folder, "public_html"), filepath.Join(d.folder, "app")
	if err := errors.Join(os.Mkdir(d.site, 0o755), os.MkdirAll(filepath.Join(d.app, "tmp"), 0o755)); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(script)
	if err != nil {
		return nil, fmt.Errorf("%w: build it with \"make build\"", err)
	}
	if err := os.WriteFile(d.script(), program, 0o755); err != nil {
		return nil, err
	}
	settings, err := app(d.app)
	if err != nil {
		return nil, err
	}
	settings += "CGIPROXY_LOG_LEVEL=info\n"
	return d, os.WriteFile(filepath.Join(d.site, ".htcgiproxy"), []byte(settings), 0o600)
}

func (d *onDemand) script() string { return filepath.Join(d.site, "proxy.cgi") }

func (d *onDemand) greet(w io.Writer) {
	fmt.Fprintf(w, `
  http://%s/   nothing is behind it yet: open this, and proxy.cgi starts the app

Meanwhile, in another terminal:

  %s app status %s
  touch %s/tmp/restart.txt      the next request restarts it

Ctrl-C ends all. What follows is proxy.cgi's log.

`, d.public.Addr(), d.script(), d.site, d.app)
}

// serve runs the site until ctx is done, and then ends its app.
func (d *onDemand) serve(ctx context.Context) error {
	defer d.close()
	err := cgihost.Serve(ctx, d.public, cgihost.Script{Path: d.script()})
	stop := exec.Command(d.script(), "app", "stop", d.site)
	stop.Stderr = os.Stderr
	return errors.Join(err, stop.Run())
}

func (d *onDemand) close() {
	d.public.Close()
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}
