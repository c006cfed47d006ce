package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
)

func appCommand() command {
	return command{
		name:      "app",
		arguments: "start|stop|restart|status|log [-f] [DIR]",
		summary:   "start or stop the app that CGIPROXY_START names, or show its state",
		text: `DIR is the folder with .htcgiproxy, by default the current one, or that of the
program.

    start    start the app if it does not run; a pause after failed starts ends
    stop     stop it; the next request starts it again
    restart  stop and start it; requests that come meanwhile wait
    status   show where it listens, its process, memory and last exit
    log      print what it has printed; -f goes on with what it prints

Root does all of this as the user that DIR belongs to; where that is root, START_DIR
has to be root's, too. Other users start and restart it only where DIR is theirs or
root's, for it runs as them.

The exit status is 0 where the app runs afterwards (stop: where it does not), and 1
otherwise. To have the app run after a boot already, without waiting for the first
visitor, put a line into crontab -e:

    @reboot /home/me/public_html/proxy.cgi app start /home/me/public_html
`,
		run: runApp,
	}
}

func runApp(t *terminal, args []string) int {
	t = t.onScreen()
	flags := flag.NewFlagSet("app", flag.ContinueOnError)
	follow := flags.Bool("f", false, "go on with what the app prints")
	args, ok := t.parse(flags, args)
	if !ok {
		return exitUsage
	}
	if len(args) == 0 || len(args) > 2 {
		return t.misused("app takes one of start, stop, restart, status and log, and a folder")
	}
	verb, folder := args[0], siteFolder()
	if len(args) == 2 {
		folder = args[1]
	}
	if *follow && verb != "log" {
		return t.misused("-f is for app log")
	}
	do := map[string]func(*terminal, *cgiproxy.Site) error{
		"start":   startApp,
		"stop":    stopApp,
		"restart": restartApp,
		"status":  showApp,
		"log":     func(t *terminal, s *cgiproxy.Site) error { return showLog(t, s.Config().StartLog, *follow) },
	}[verb]
	if do == nil {
		return t.misused("unknown command %q: app takes start, stop, restart, status and log", "app "+verb)
	}
	runs := verb == "start" || verb == "restart"
	site, err := loadApp(t, folder, runs)
	if err == nil && (runs || verb == "stop") {
		err = checkStartDir(site.Config())
	}
	if err == nil && runs {
		err = checkExecutable(site.Config().StartDir)
	}
	if err == nil && runs {
		warnOfPath(t, site.Config())
	}
	if err == nil {
		err = do(t, site)
	}
	if err != nil {
		return t.failed("%s", explain(err))
	}
	return exitOK
}

// warnOfPath tells of an app that only the shell can start: it gets the shell's PATH
// from here, and the web server's from the next request that starts it.
func warnOfPath(t *terminal, cfg *settings.Config) {
	if path := check.OnlyHere(cfg); path != "" {
		fmt.Fprintf(t.err, "proxy.cgi: "+check.OnlyHereText+": %s\n", path, check.OnlyHereRemedy)
	}
}

// siteFolder is the current folder if it is a site's, and else that of the
// program, which one calls from anywhere.
func siteFolder() string {
	if _, err := os.Stat(settings.File); err != nil {
		return cgiproxy.ExecutableFolder()
	}
	return "."
}

// loadApp reads the settings in a folder, which have to say how the app is
// started. Those of another user are for looking only, and not to run it.
func loadApp(t *terminal, folder string, runs bool) (*cgiproxy.Site, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder) // the path of proxy.cgi
	}
	if err := becomeOwner(folder); err != nil {
		return nil, err
	}
	// A request's process finds itself without links (ExecutableFolder), and a
	// relative START_DIR begins there: DirectAdmin's public_html is a link.
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return nil, err
	}
	load := cgiproxy.LoadOwnSite
	if err := checkRunner(folder); err != nil {
		if runs {
			return nil, err
		}
		load = cgiproxy.LoadSite
	}
	site := load(cgiproxy.NewEnviron(os.Environ()), folder)
	if err := site.Err(); err != nil {
		return nil, err
	}
	if site.App() == nil {
		return nil, fmt.Errorf("no %sSTART in %s: proxy.cgi does not start this site's app", settings.Prefix, filepath.Join(folder, settings.File))
	}
	site.App().Warn = func(line string) { fmt.Fprintf(t.err, "proxy.cgi: %s\n", line) }
	return site, nil
}

// explain returns an error with its remedy.
func explain(err error) string {
	if e, ok := errors.AsType[*settings.Error](err); ok {
		return e.Error() + ": " + e.Remedy
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted: what has begun goes on, and app status tells how it is"
	}
	e, ok := errors.AsType[*ondemand.Error](err)
	if !ok {
		return err.Error()
	}
	text := e.Error()
	if e.Remedy != "" {
		text += ": " + e.Remedy
	}
	if e.Output != "" {
		text += "; its last lines:\n" + e.Output
	}
	return text
}

func startApp(t *terminal, site *cgiproxy.Site) error {
	ctx, cancel := untilInterrupted()
	defer cancel()
	if err := site.App().Start(ctx); err != nil {
		return err
	}
	return reportAddress(t, site.App())
}

func restartApp(t *terminal, site *cgiproxy.Site) error {
	ctx, cancel := untilInterrupted()
	defer cancel()
	if err := site.App().Restart(ctx); err != nil {
		return err
	}
	return reportAddress(t, site.App())
}

func stopApp(t *terminal, site *cgiproxy.Site) error {
	ctx, cancel := untilInterrupted()
	defer cancel()
	if err := site.App().Stop(ctx); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "the app is stopped; the next request starts it")
	return nil
}

func reportAddress(t *terminal, app *ondemand.App) error {
	_, addresses, err := app.Address()
	if err == nil {
		fmt.Fprintf(t.out, "the app listens on %s\n", strings.Join(addresses, " or "))
	}
	return err
}

func untilInterrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

func showApp(t *terminal, site *cgiproxy.Site) error {
	st, err := site.App().Status()
	if err != nil {
		return err
	}
	for _, row := range append(st.Rows(time.Now()), [2]string{"log", site.Config().StartLog}) {
		fmt.Fprintf(t.out, "%-10s%s\n", row[0], row[1])
	}
	if !st.Running {
		return errors.New("the app does not run")
	}
	return nil
}
