package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
)

func installCommand() command {
	return command{
		name:      "install",
		arguments: "[FLAGS] [DIR]",
		summary:   "put a site into a folder, or take it out again",
		text:      installText,
		run:       runInstall,
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
  --start-dir FOLDER    where COMMAND runs, best outside of what is served; else DIR
  --strip-prefix PATH   take PATH away before the app sees it; auto is DIR's own
  --cgi                 as proxy.cgi: a process for each request
  --fastcgi             as proxy.fcgi: one process for many requests
  --both                pages over proxy.fcgi; uploads and event streams over
                        proxy.cgi
  --public-only         only the files in DIR/public are for visitors;
                        --public-only=false: all files in DIR are
  --dry-run             show what would change, and change nothing
  --uninstall           leave DIR as it was before, and stop the app that COMMAND
                        started

Settings that are in .htcgiproxy already stay, unless a flag gives them, and so does
how it is run; at first that is --cgi. What .htaccess and .htcgiproxy were before is
kept in files that end in .proxycgi-old; a copy that an --uninstall has left gets a
number behind that.

Exit status: 0 done, or nothing to do; 1 it could not be done, and nothing has
changed, or the site is taken out and the app may still run; 2 the command line, or a
setting on it, is wrong.
`

func runInstall(t *terminal, args []string) int {
	t = t.onScreen()
	in := &install.Site{Example: t.htaccess}
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	for _, s := range install.SettingFlags() {
		flags.String(s.Flag, "", "")
	}
	install.VariantFlags(flags, &in.Chosen)
	dryRun := flags.Bool("dry-run", false, "")
	uninstall := flags.Bool("uninstall", false, "")
	rest, ok := t.parse(flags, args)
	if !ok {
		return exitUsage
	}
	if len(rest) > 1 {
		return t.misused("install: one folder, not %d: %q", len(rest), rest)
	}
	if other := given(flags, "uninstall", "dry-run"); *uninstall && other != "" {
		return t.misused("install: --uninstall and --%s contradict each other", other)
	}
	for _, s := range install.SettingFlags() {
		if !isGiven(flags, s.Flag) {
			continue
		}
		value := flags.Lookup(s.Flag).Value.String()
		if s.Flag == "start-dir" && value != "" { // in the file it would begin at DIR
			value, _ = filepath.Abs(value)
		}
		in.Settings = append(in.Settings, install.Assignment{Name: s.Setting, Value: value})
	}
	if err := findSite(in, rest); err != nil {
		return t.failed("install: %v", err)
	}
	if !*dryRun {
		unlock, err := lockFolder(in.Folder)
		if err != nil {
			return t.failed("install: %v; nothing has been changed", err)
		}
		defer unlock()
	}
	if *uninstall {
		return uninstallSite(t, in, *dryRun)
	}
	return installSite(t, in, *dryRun)
}

func installSite(t *terminal, in *install.Site, dryRun bool) int {
	changes, notes, err := in.Plan()
	if usage, ok := errors.AsType[*install.UsageError](err); ok {
		return t.misused("install: %v", usage)
	}
	if err != nil {
		return t.failed("install: %v; nothing has been changed", err)
	}
	if slices.ContainsFunc(changes, func(c install.Change) bool { return c.Name == settings.File && c.Old == nil }) {
		notes = append(notes, "where every page is then 500 and the log says \"permission denied\", the host does not run scripts as you: chmod 644 "+settings.File)
	}
	former, noApp := loadApp(t, in.Folder, false)
	status := finish(t, in.Folder, changes, append(notes, publicNotes(in, changes)...), dryRun)
	if status == exitOK && !dryRun && noApp == nil && slices.ContainsFunc(changes, func(c install.Change) bool {
		return c.Name == settings.File && settings.ValueIn(c.New, "START") == ""
	}) {
		return stopUninstalled(t, former)
	}
	return status
}

// publicNotes tells of rewrite lines in public/ where it alone is for visitors.
func publicNotes(in *install.Site, changes []install.Change) []string {
	file, _ := in.Read(install.HtaccessFile) // which Plan has read
	text := file.Old
	for _, c := range changes {
		if c.Name == install.HtaccessFile {
			text = c.New
		}
	}
	variant, _ := htaccess.VariantIn(string(text))
	inPublic, err := in.Read("public/" + install.HtaccessFile)
	if err != nil || !variant.PublicOnly || !htaccess.Rewrites(string(inPublic.Old)) {
		return nil
	}
	return []string{"the rewrite lines in public/" + install.HtaccessFile + " count there in place of those that lead to the app, which gets nothing: take them out of it"}
}

// uninstallSite stops the app once no request can start it again.
func uninstallSite(t *terminal, in *install.Site, dryRun bool) int {
	changes, notes, err := in.PlanUninstall()
	if err != nil {
		return t.failed("install: %v; nothing has been changed", err)
	}
	site, noApp := loadApp(t, in.Folder, false)
	file, _ := in.Read(settings.File) // which PlanUninstall has read
	status := finish(t, in.Folder, changes, notes, dryRun)
	if status != exitOK || dryRun || len(changes) == 0 {
		return status
	}
	wrong, isWrong := errors.AsType[*settings.Error](noApp)
	switch mayRun := "an app that " + settings.Prefix + "START has started may still run, for "; {
	case isWrong && file.Old == nil:
		fmt.Fprintf(t.out, "note: %s%s was gone\n", mayRun, settings.File)
	case isWrong && settings.ValueIn(file.Old, "START") != "":
		return t.failed("install: %sthe settings could not be used: %v", mayRun, wrong)
	case noApp == nil:
		return stopUninstalled(t, site)
	}
	return exitOK // there is none
}

// stopUninstalled stops the app of a site that is gone, or starts none any more, also
// one that is only starting: nobody else will.
func stopUninstalled(t *terminal, site *cgiproxy.Site) int {
	app := site.App()
	app.SettingsChanged = time.Time{} // which they have, by us
	st, err := app.Status()
	if e, ok := errors.AsType[*ondemand.Error](err); ok && e.Kind == ondemand.Shared {
		return exitOK // it is another site's
	}
	if err == nil && st.Phase == "" && !st.Running && st.PID == 0 {
		return exitOK // it was never started
	}
	ctx, cancel := untilInterrupted()
	defer cancel()
	err = checkStartDir(site.Config())
	if err == nil {
		err = app.Stop(ctx)
	}
	if err != nil {
		return t.failed("install: the app may still run: %s", explain(err))
	}
	if st.Running || st.PID != 0 {
		fmt.Fprintf(t.out, "stopped  the app; what it wrote stays in %s\n", site.Config().StartDir)
	}
	return exitOK
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

// findSite finds the folder, and the executable to put into it.
func findSite(in *install.Site, args []string) error {
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
	if in.Folder, err = filepath.Abs(dir); err != nil {
		return err
	}
	in.Read = func(name string) (install.Change, error) { return readFile(in.Folder, name) }
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if in.Executable, err = os.ReadFile(self); err != nil { // which root alone may be able to
		return explained(err)
	}
	return becomeOwner(in.Folder)
}

// finish does what has been planned, or shows it.
func finish(t *terminal, folder string, changes []install.Change, notes []string, dryRun bool) int {
	if len(changes) == 0 {
		fmt.Fprintf(t.out, "nothing to change in %s\n", folder)
	}
	if dryRun {
		for _, c := range changes {
			fmt.Fprint(t.out, c.Diff())
		}
	} else {
		if err := apply(folder, changes); err != nil {
			return t.failed("install: %v", err)
		}
		for _, c := range changes {
			fmt.Fprintf(t.out, "%-8s %s\n", c.Verb(), filepath.Join(folder, c.Name))
		}
	}
	for _, note := range notes {
		fmt.Fprintf(t.out, "note: %s\n", note)
	}
	return exitOK
}
