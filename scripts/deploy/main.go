// Proxycgi-deploy puts proxy.cgi, and the app behind it, on a host from your own
// machine, by FTP or SFTP: see MANUAL.md, "Deploy from your own machine".
//
//	main.go      the command line; run.go: a run, and what it knows of the host
//	deploy.go    a deploy; undo.go: back where it fails; show.go: what is said
//	rollback.go  back to the app before it; backsettings.go: and its settings
//	uninstall.go, status.go
//	turn.go      one deploy at a time
//	site.go      the files of the served folder, in the order in which none is
//	             seen half; upload.go: their way there
//	app.go       the app's files here; manifest.go: those on the host; lists.go: what
//	             is there; plan.go: which to replace; modes.go: who may read them
//	swap.go      their way into place; swapback.go: and back; aside.go: what has
//	             been written since; database.go: what is in two files; restart.go:
//	             how the app gets to know
//	root.go      the document root, beside which the app goes, and never below it
//	places.go    where the settings say that the app is; state.go: what proxy.cgi
//	             has noted of it
//	check.go     whether the site works; page.go: its first page; logs.go: what it
//	             has said
//	program.go   the proxy.cgi to upload
//	password.go  whence the password comes; progress.go
//
// Package remote is the host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/scripts/deploy/remote"
)

const usage = `usage: proxycgi-deploy [FLAGS] TARGET

TARGET is the folder that shall show the app: ftps://me@example.com/public_html,
sftp://..., ftp://... (with --insecure), or a folder of this machine.

  --upstream WHERE      where the app listens: 6543, host:port, unix:/path/app.sock
  --start COMMAND       start the app with the first request
  --start-dir FOLDER    where the app is, as the host calls it
  --strip-prefix PATH   take PATH away before the app sees it; auto is the folder's
  --cgi, --fastcgi,     as proxy.cgi, as proxy.fcgi, or as both (see MANUAL.md);
  --both                at first proxy.cgi, and then as before
  --public-only         only the files in public/ are for visitors, also with the
                        next deploys, until one has --public-only=false
  --app DIR             upload the app, too: what has changed of this folder
  --app-to FOLDER       to there, as FTP calls it; else beside the served folder
  --include NAME        do not leave out node_modules, .env and the like (again for
                        more)
  --url URL             the site's address; else https:// and the host's name
  --binary FILE         the proxy.cgi for the host; else the one beside this program
  --insecure            allow ftp://, which sends the password in the clear
  --dry-run             show what would change, and change nothing

In place of a deploy:

  --status              what is there, and whether it works
  --logs                the last lines of the app's log and the host's error log
  --rollback            bring back the app as it was before the last deploy
  --uninstall           leave the served folder as it was before; the app's stays

The password is asked for, or in PROXYCGI_PASSWORD, or ~/.netrc. Exit status: 0 done;
1 not done, and why; 2 the command line is wrong.
`

// options are the command line.
type options struct {
	target   *remote.Target
	settings []install.Assignment
	chosen   htaccess.Choice
	app      string // "" for none
	appTo    string
	include  []string
	url      string
	binary   string
	dryRun   bool
	mode     string // status, logs, rollback, uninstall; "" is a deploy
}

// A usageError is a command line that is wrong.
type usageError struct{ error }

func main() {
	signal.Ignore(syscall.SIGPIPE) // what is under way does not end with who reads of it
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

var errInterrupted = errors.New("interrupted")

// untilInterrupted ends ctx with the first Ctrl-C, upon which the site is put in
// order. A second one ends the program at once, as the first does before this. Where
// the terminal is closed the system and the shell both tell, and the second ends nothing.
func untilInterrupted(ctx context.Context, errOut io.Writer) (_ context.Context, stop func()) {
	ctx, ignore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	end := func() {}
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		ctx, end = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	isOver := context.AfterFunc(ctx, func() {
		ignore()
		fmt.Fprintln(errOut, "interrupted: this ends when the site is in order. Ctrl-C once more ends it at once, and leaves that to the next run")
	})
	return ctx, func() { isOver(); end(); ignore() }
}

// run runs a command line and returns the exit status.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage)
		return 0
	}
	if err == nil {
		err = o.do(ctx, out, errOut)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(errOut, "proxycgi-deploy: %s\n", printableLines(err.Error())) // with what hosts and apps have said in it
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(errOut, "see proxycgi-deploy --help")
		return 2
	}
	if _, ok := errors.AsType[*install.UsageError](err); ok {
		return 2
	}
	return 1
}

func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("proxycgi-deploy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, s := range install.SettingFlags() {
		flags.Func(s.Flag, "", func(value string) error {
			o.settings = append(o.settings, install.Assignment{Name: s.Setting, Value: value})
			return nil
		})
	}
	install.VariantFlags(flags, &o.chosen)
	for _, mode := range [...]string{"status", "logs", "rollback", "uninstall"} {
		flags.BoolFunc(mode, "", func(string) error {
			if o.mode != "" && o.mode != mode {
				return fmt.Errorf("not together with --%s", o.mode)
			}
			o.mode = mode
			return nil
		})
	}
	flags.StringVar(&o.app, "app", "", "")
	flags.StringVar(&o.appTo, "app-to", "", "")
	flags.Func("include", "", func(name string) error {
		name = path.Clean(filepath.ToSlash(name))
		if strings.Contains(name, "/") {
			return fmt.Errorf("it is a name alone, wherever it is, as in --include %s", path.Base(name))
		}
		o.include = append(o.include, name)
		return nil
	})
	flags.StringVar(&o.url, "url", "", "")
	flags.StringVar(&o.binary, "binary", "", "")
	insecure := flags.Bool("insecure", false, "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	rest, err := parseAnywhere(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, err
	case err != nil:
		return nil, usageError{err}
	case len(rest) != 1:
		return nil, usageError{fmt.Errorf("one target, not %d: write it like ftps://me@example.com/public_html", len(rest))}
	}
	if o.target, err = remote.ParseTarget(rest[0]); err != nil {
		return nil, usageError{err}
	}
	o.target.Insecure = *insecure
	return o, o.finish()
}

// parseAnywhere takes flags behind the target, too.
func parseAnywhere(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

// finish finds the address of the site where nobody has said it.
func (o *options) finish() error {
	switch {
	case o.url == "" && o.target.Scheme == "":
		return usageError{errors.New("say the site's address, as in --url https://example.com/: the live check asks it")}
	case o.url == "":
		o.url = "https://" + guessSite(o.target)
	case !strings.HasPrefix(o.url, "http://") && !strings.HasPrefix(o.url, "https://"):
		return usageError{fmt.Errorf("--url %s begins with neither http:// nor https://", o.url)}
	}
	if !strings.HasSuffix(o.url, "/") {
		o.url += "/"
	}
	return nil
}
