package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

func installCommand() command {
	return command{
		name:      "install",
		arguments: "[FLAGS] [DIR]",
		summary:   "put a site into a folder, or take it out again",
		text:      installText,
		run:       install,
	}
}

const installText = `DIR is a folder that the web server serves: public_html, or one below it. Without
it the current folder is meant. It gets proxy.cgi, a file .htcgiproxy with the
settings, and a block of lines in .htaccess; what others wrote there stays. Run it
again to change something: where nothing is to change, nothing is written. Root does
all of it as the user that DIR belongs to.

  --upstream WHERE      where the app listens: 6543, host:port, unix:/path/app.sock
  --start COMMAND       start the app with the first request (WHERE is auto unless
                        it is given; then the app gets it as PORT or SOCKET)
  --start-dir FOLDER    where COMMAND runs, best outside of what is served
  --strip-prefix PATH   take PATH away before the app sees it; auto is DIR's own
  --fastcgi             as proxy.fcgi: one process for many requests
  --both                pages over proxy.fcgi; uploads and event streams over
                        proxy.cgi
  --public-only         only the files in DIR/public are for visitors
  --dry-run             show what would change, and change nothing
  --uninstall           leave DIR as it was before, and stop the app that COMMAND
                        started

Settings that are in .htcgiproxy already stay, unless a flag gives them. How it is
run (--fastcgi, --both, --public-only) is what this run says. What .htaccess and
.htcgiproxy were before is kept in files that end in .proxycgi-old.

Exit status: 0 done, or nothing to do; 1 it could not be done, and nothing has
changed; 2 the command line, or a setting on it, is wrong.
`

// An installation is what install was told.
type installation struct {
	folder     string
	variant    htaccess.Variant
	settings   []assignment // those that flags give, in the order of .htcgiproxy
	executable []byte
	example    string // htaccess.example
}

// An assignment gives a setting its value.
type assignment struct{ name, value string }

func install(t *terminal, args []string) int {
	t = t.onScreen()
	in := &installation{example: t.htaccess}
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	for _, s := range settingFlags() {
		flags.String(s.flag, "", "")
	}
	fastCGI := flags.Bool("fastcgi", false, "")
	both := flags.Bool("both", false, "")
	flags.BoolVar(&in.variant.PublicOnly, "public-only", false, "")
	dryRun := flags.Bool("dry-run", false, "")
	uninstall := flags.Bool("uninstall", false, "")
	rest, ok := t.parse(flags, args)
	if !ok {
		return exitUsage
	}
	switch {
	case len(rest) > 1:
		return t.misused("install: one folder, not %d: %q", len(rest), rest)
	case *fastCGI && *both:
		return t.misused("install: --fastcgi or --both, not both of them")
	case *fastCGI:
		in.variant.Scripts = htaccess.FastCGI
	case *both:
		in.variant.Scripts = htaccess.Both
	}
	if other := given(flags, "uninstall", "dry-run"); *uninstall && other != "" {
		return t.misused("install: --uninstall and --%s contradict each other", other)
	}
	for _, s := range settingFlags() {
		if !isGiven(flags, s.flag) {
			continue
		}
		value := flags.Lookup(s.flag).Value.String()
		if s.flag == "start-dir" && value != "" { // in the file it would begin at DIR
			value, _ = filepath.Abs(value)
		}
		in.settings = append(in.settings, assignment{s.setting, value})
	}
	if err := in.find(rest); err != nil {
		return t.failed("install: %v", err)
	}
	if *uninstall {
		return in.uninstall(t, *dryRun)
	}
	changes, notes, err := in.plan()
	if usage, ok := errors.AsType[*usageError](err); ok {
		return t.misused("install: %v", usage)
	}
	if err != nil {
		return t.failed("install: %v; nothing has been changed", err)
	}
	return in.finish(t, changes, notes, *dryRun)
}

// uninstall stops the app once no request can start it again.
func (in *installation) uninstall(t *terminal, dryRun bool) int {
	changes, notes, err := in.planUninstall()
	if err != nil {
		return t.failed("install: %v; nothing has been changed", err)
	}
	site, noApp := loadApp(t, in.folder)
	status := in.finish(t, changes, notes, dryRun)
	if status != exitOK || noApp != nil || dryRun || len(changes) == 0 {
		return status
	}
	if st, err := site.App().Status(); err != nil || !st.Running {
		return exitOK
	}
	ctx, cancel := untilInterrupted()
	defer cancel()
	if err := site.App().Stop(ctx); err != nil {
		return t.failed("install: the app still runs: %s", explain(err))
	}
	fmt.Fprintf(t.out, "stopped  the app; what it wrote stays in %s\n", site.Config().StartDir)
	return exitOK
}

// settingFlags returns the flags that stand for settings.
func settingFlags() []struct{ flag, setting string } {
	return []struct{ flag, setting string }{
		{"upstream", "UPSTREAM"},
		{"start", "START"},
		{"start-dir", "START_DIR"},
		{"strip-prefix", "STRIP_PREFIX"},
	}
}

// given returns the name of a flag on the command line that is none of except.
func given(flags *flag.FlagSet, except ...string) (name string) {
	flags.Visit(func(f *flag.Flag) {
		for _, e := range except {
			if f.Name == e {
				return
			}
		}
		name = f.Name
	})
	return name
}

func isGiven(flags *flag.FlagSet, name string) (is bool) {
	flags.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

// find finds the folder, and the executable to put into it.
func (in *installation) find(args []string) error {
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no folder %s: make it first, or name another", dir)
	case err != nil:
		return explained(err)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: name the one that shall show the app", dir)
	}
	if in.folder, err = filepath.Abs(dir); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if in.executable, err = os.ReadFile(self); err != nil { // which root alone may be able to
		return explained(err)
	}
	return becomeOwner(in.folder)
}

// finish does what has been planned, or shows it.
func (in *installation) finish(t *terminal, changes []change, notes []string, dryRun bool) int {
	if len(changes) == 0 {
		fmt.Fprintf(t.out, "nothing to change in %s\n", in.folder)
	}
	if dryRun {
		for _, c := range changes {
			fmt.Fprint(t.out, c.diff())
		}
	} else {
		if err := apply(in.folder, changes); err != nil {
			return t.failed("install: %v", err)
		}
		for _, c := range changes {
			fmt.Fprintf(t.out, "%-8s %s\n", c.verb(), filepath.Join(in.folder, c.name))
		}
	}
	for _, note := range notes {
		fmt.Fprintf(t.out, "note: %s\n", note)
	}
	return exitOK
}

// A usageError is a setting on the command line that is wrong or missing.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// checkSettings reports what is wrong with the text of .htcgiproxy, and what the
// owner should know about it.
func (in *installation) checkSettings(text []byte) (notes []string, err error) {
	_, loaded, err := settings.Check(text, in.folder)
	if bad, ok := errors.AsType[*settings.Error](err); ok {
		if bad.Name == "UPSTREAM" && bad.Value == "" {
			return nil, &usageError{"say where the app listens, as in --upstream 6543, or how to start it, as in --start 'python3 app.py'"}
		}
		what := fmt.Sprintf("%v: %s", bad, bad.Remedy)
		for _, s := range in.settings {
			if s.name == bad.Name {
				return nil, &usageError{what}
			}
		}
		return nil, errors.New(what)
	}
	for _, note := range loaded {
		if note.Level <= settings.LevelWarn {
			notes = append(notes, note.Text)
		}
	}
	return notes, err
}
