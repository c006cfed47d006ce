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
	folder, script string
	public         net.Listener
}

// openOnDemand makes the site's folder. command starts the app.
func openOnDemand(script, public, command string) (_ *onDemand, err error) {
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
	program, err := os.ReadFile(script)
	if err != nil {
		return nil, fmt.Errorf("%w: build it with \"make build\"", err)
	}
	d.script = filepath.Join(d.folder, "proxy.cgi")
	if err := os.WriteFile(d.script, program, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(d.folder, "tmp"), 0o755); err != nil {
		return nil, err
	}
	settings := fmt.Sprintf("CGIPROXY_UPSTREAM=auto\nCGIPROXY_START=\"%s\"\nCGIPROXY_LOG_LEVEL=info\n", command)
	return d, os.WriteFile(filepath.Join(d.folder, ".htcgiproxy"), []byte(settings), 0o600)
}

func (d *onDemand) greet(w io.Writer) {
	fmt.Fprintf(w, `
  http://%s/   nothing is behind it yet: open this, and proxy.cgi starts the app

Meanwhile, in another terminal:

  %s app status %s
  touch %[3]s/tmp/restart.txt      the next request restarts it

Ctrl-C ends all. What follows is proxy.cgi's log.

`, d.public.Addr(), d.script, d.folder)
}

// serve runs the site until ctx is done, and then ends its app.
func (d *onDemand) serve(ctx context.Context) error {
	defer d.close()
	err := cgihost.Serve(ctx, d.public, cgihost.Script{Path: d.script})
	stop := exec.Command(d.script, "app", "stop", d.folder)
	stop.Stderr = os.Stderr
	return errors.Join(err, stop.Run())
}

func (d *onDemand) close() {
	d.public.Close()
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}
