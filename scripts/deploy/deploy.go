package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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
	if name := d.served.publicFolder(); name != "" && o.target.Folder == "." && !o.variant.PublicOnly {
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
	s := &install.Site{Folder: d.target.Folder, Variant: d.variant, Settings: d.settings, Read: d.served.read}
	if d.program != nil {
		s.Executable, s.Example = d.program.content, d.program.example
	}
	return s
}

func (d *deploy) deploy(ctx context.Context) error {
	if !d.dryRun {
		if err := d.repair(ctx); err != nil {
			return err
		}
	}
	leftOut, err := d.plan()
	if err != nil {
		return fmt.Errorf("%w; nothing has been changed", err)
	}
	if leftOut != nil {
		d.say("left out of %s: %s (--include takes a file or folder in)\n", d.options.app, strings.Join(leftOut, ", "))
	}
	d.showAmount()
	if d.dryRun {
		d.showWork()
		return nil
	}
	if len(d.siteWork) == 0 && len(d.appWork) == 0 {
		d.say("nothing to upload\n")
	}
	todo, err := d.stage(ctx)
	for _, c := range d.siteWork {
		if err == nil {
			err = d.served.isOurs(c.Name) // before the app is replaced, which takes longer
		}
	}
	if err != nil {
		if d.app != nil {
			d.app.clean()
		}
		if d.isLost() { // which removes what this one has uploaded
			return errLost
		}
		return fmt.Errorf("%w; the site is as it was", err)
	}
	if d.isLost() {
		return errLost
	}
	switch err := d.place(todo); {
	case errors.Is(err, errLost):
		return err
	case err != nil:
		return d.undo(ctx, err.Error())
	}
	problems := d.verify(ctx)
	if ctx.Err() != nil { // what it has found then says nothing about the site
		return d.undo(ctx, errInterrupted.Error())
	}
	if problems != nil {
		d.showWarnings()
		return d.undo(ctx, d.failsHow()+":\n  "+strings.Join(problems, "\n  ")+d.newLines())
	}
	if d.isLost() {
		return errLost
	}
	if d.appWork != nil {
		kept, err := d.app.settle()
		d.note(kept...)
		if err != nil {
			return err
		}
	}
	d.showDone()
	return nil
}

// plan finds out what to change.
func (d *deploy) plan() (leftOut []string, err error) {
	if d.options.app != "" {
		if leftOut, err = d.planApp(); err != nil {
			return nil, err
		}
	}
	changes, notes, err := d.site().Plan()
	if err != nil {
		return nil, err
	}
	d.siteWork = changes
	for _, c := range changes {
		if c.Name == settings.File {
			d.lines = c.New
		}
	}
	d.note(notes...)
	d.places = d.findPlaces()
	d.logs = d.findLogs()
	d.before = d.appState()
	return leftOut, nil
}

// planApp also says in the settings where the app will be.
func (d *deploy) planApp() (leftOut []string, err error) {
	files, leftOut, err := scan(d.options.app, d.include)
	if err != nil {
		return nil, err
	}
	folder, known, err := d.appFolder()
	if err != nil {
		return nil, err
	}
	setsDir := d.setting("START") != "" && !known
	if setsDir {
		if link := d.linkAbove(folder); link != "" {
			return nil, errLink(link, "--start-dir how the host calls the folder "+folder)
		}
	}
	if err := d.openApp(folder); err != nil {
		return nil, err
	}
	if d.app.site == "." {
		return nil, fmt.Errorf("%s is the served folder itself, where nothing would keep visitors from the app after --uninstall: name a folder in it that begins with a dot, as in --app-to %s", folder, d.hiddenFolder())
	}
	if setsDir {
		dir, err := relative(d.target.Folder, folder)
		if err != nil { // one is absolute, the other is not
			dir = d.app.at
		}
		d.settings = append(d.settings, install.Assignment{Name: "START_DIR", Value: dir})
	}
	d.app.settings = d.changedSettings()
	switch isNew := d.appTo == "" && d.app.now.Number == 0; {
	case isNew && known:
		err = d.isAnother(folder)
	case isNew:
		err = d.besidePages(folder)
	}
	if err != nil {
		return nil, err
	}
	var notes []string
	d.appWork, notes, err = d.app.plan(files, leftOut, d.include)
	d.note(notes...)
	return leftOut, err
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

// stage uploads everything, where nobody sees it.
func (d *deploy) stage(ctx context.Context) ([]step, error) {
	todo, err := steps(d.siteWork)
	if err != nil {
		return nil, err
	}
	var bytes int64
	for _, s := range todo {
		bytes += int64(len(s.content))
	}
	for _, c := range d.appWork {
		if c.New != nil {
			bytes += c.New.Size
		}
	}
	m := newMeter(bytes)
	defer m.end()
	if d.appWork != nil {
		if err := d.app.stage(ctx, d.options.app, d.appWork, m); err != nil {
			return nil, err
		}
	}
	return todo, d.served.stage(ctx, todo, m)
}

// restart restarts the app. The one that runs until then may be another than that before
// the upload: it may have crashed, or was idle.
func (d *deploy) restart() error {
	d.before = d.appState()
	return d.app.restart(d.places.restart)
}

// place puts everything in its place: first the app, which the site needs.
func (d *deploy) place(todo []step) error {
	if d.appWork != nil {
		if err := d.app.swap(d.appWork); err != nil {
			return err
		}
		if err := d.restart(); err != nil {
			return err
		}
	}
	return d.served.place(todo)
}
