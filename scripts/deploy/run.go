package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// A deploy is one run of the program, and what it knows of the host.
type deploy struct {
	*options
	out      io.Writer
	host     remote.Host
	served   *served
	signed   atomic.Int64 // when this run last gave a sign of life, in nanoseconds since 1970
	lines    []byte       // of .htcgiproxy, as they are or will be
	program  *program
	app      *app     // nil where it stays as it is
	places   places   // of the app, as its settings say
	logs     []*log   // what may say why something fails
	before   appState // of the app that runs until it is restarted
	asked    page     // before anything was changed
	page     page     // after it
	warnings []string // of what the host cannot do
	siteWork []install.Change
	appWork  []replaced
}

// errAsRoot is for root and a folder of this machine. Users to whom a folder on the
// way belongs, or one that an app's files are in, can make it a link at any time:
// each of them would choose where root writes.
var errAsRoot = errors.New("root deploys to no folder of this machine, for others could lead there elsewhere what it writes: run this as the user whose site it is, as in sudo -u NAME proxycgi-deploy ...; proxy.cgi install, run by root, becomes that user by itself")

// do does what the command line says.
func (o *options) do(ctx context.Context, out, errOut io.Writer) (err error) {
	if o.target.Scheme == "" && os.Geteuid() == 0 {
		return errAsRoot
	}
	d := &deploy{options: o, out: out}
	if o.mode == "" {
		if d.program, err = findProgram(o.binary); err != nil {
			return err
		}
		if err := findApp(o.app); err != nil {
			return err
		}
		if d.asked = o.firstPage(ctx); d.asked.err != nil { // what cannot be checked is not deployed
			return o.unasked(d.asked.err)
		}
	}
	if d.host, err = connect(o.target, errOut); err != nil {
		return err
	}
	defer d.host.Close()
	ctx, stop := untilInterrupted(ctx, errOut)
	defer stop()
	if d.served, err = openServed(d.host, o.target.Folder); err != nil {
		return err
	}
	if name := d.served.publicFolder(); name != "" && o.target.Folder == "." && o.chosen.PublicOnly == nil {
		meant := *o.target
		meant.Folder = name
		return fmt.Errorf("the login's folder has no page itself, and there is a %s in it: did you mean %s? If not, put an empty %s there first", name, &meant, install.HtaccessFile)
	}
	if err := d.readSettings(); err != nil {
		return err
	}
	if !o.dryRun && o.mode != "status" && o.mode != "logs" {
		var end func()
		if ctx, end, err = d.takeTurn(ctx); err != nil {
			return err
		}
		defer end()
		if err := d.readSettings(); err != nil {
			return err
		}
	}
	switch o.mode {
	case "status":
		return d.status(ctx)
	case "logs":
		return d.showLogs()
	case "rollback":
		return d.rollBack(ctx)
	case "uninstall":
		return d.uninstall(ctx)
	}
	return d.deploy(ctx)
}

func (d *deploy) readSettings() error {
	file, err := d.served.read(settings.File)
	d.lines = file.Old
	return err
}

// site is what install has to know.
func (d *deploy) site() *install.Site {
	s := &install.Site{Folder: d.target.Folder, Chosen: d.chosen, Settings: d.settings, Read: d.served.read}
	if d.program != nil {
		s.Executable, s.Example = d.program.content, d.program.example
	}
	return s
}

// setting returns a setting's value: that of a flag, or what .htcgiproxy says.
func (d *deploy) setting(name string) string {
	for _, s := range slices.Backward(d.settings) {
		if s.Name == name {
			return s.Value
		}
	}
	return settings.ValueIn(d.lines, name)
}
