// Bench measures proxy.cgi beside what else could stand in its place, all in
// one run and in turn, so that a slow minute of the machine hits all alike:
//
//	go run ./scripts/bench [-quick] [-install] [-out folder]
//
// It takes about six minutes, works on the loopback interface only and leaves
// nothing running. It prints one table of ratios, and writes that table with
// all the figures behind it to results.md, and the main ones to results.svg.
//
// What it compares with is in the folder yardsticks: short programs, each as
// one would write it in its language.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// defaultOut is where the README takes the results from.
const defaultOut = "scripts/bench"

func main() {
	log.SetFlags(log.Ltime)
	if os.Getenv(appVariable) != "" {
		if err := serveApp(os.Stdin, os.Stdout); err != nil {
			log.Fatal("bench app: ", err)
		}
		return
	}
	quick := flag.Bool("quick", false, "a look at everything in about twenty seconds; writes no files unless -out is given")
	install := flag.Bool("install", false, "install what is missing, with apt-get")
	out := flag.String("out", "", "`folder` for results.md and results.svg (default "+defaultOut+")")
	flag.Parse()
	if *out == "" && !*quick {
		*out = defaultOut
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *quick, *install, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

// run measures all and writes the results.
func run(ctx context.Context, quick, install bool, out string) error {
	if runtime.GOOS != "linux" {
		return errors.New("it reads /proc: run it on Linux")
	}
	if _, err := os.Stat(sources); err != nil {
		return fmt.Errorf("%w: run it from the project's folder, with make bench", err)
	}
	if err := checkTools(install); err != nil {
		return err
	}
	b, err := open(ctx, quick)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.measure(); err != nil {
		return err
	}
	fmt.Print(b.report.summary())
	if out == "" {
		return nil
	}
	return b.report.write(out)
}

// A bench is what the parts share.
type bench struct {
	ctx      context.Context
	effort   effort
	folder   string // temporary: programs, and what they need beside them
	app      *app
	programs []*program // that run once for each request
	fastCGI  []*program
	site     *site // nil without Apache
	report   *report
}

// effort says how often things are done.
type effort struct {
	runs      int   // of a whole process
	fieldRuns int   // of one with many fields
	snapshots int   // of a process's memory and threads
	rounds    int   // of a second of load, each
	clients   []int // at once, compared
	grow      []int // at once, for proxy.cgi alone
	large     int64 // bytes of the large transfer
	transfers int
	streams   int
	sizes     []int64 // of bodies
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

var (
	thorough = effort{
		runs: 300, fieldRuns: 40, snapshots: 9, rounds: 5, transfers: 9, streams: 7, large: 512 * mib,
		clients: []int{1, 4, 16}, grow: []int{1, 2, 4, 8, 16, 32, 64},
		sizes: []int64{kib, 32 * kib, mib, 16 * mib, 128 * mib, 512 * mib},
	}
	glance = effort{
		runs: 10, fieldRuns: 3, snapshots: 1, rounds: 1, transfers: 1, streams: 1, large: 32 * mib,
		clients: []int{4}, grow: []int{1, 16},
		sizes: []int64{kib, mib, 32 * mib},
	}
)

// open builds the programs and starts the app and the web server.
func open(ctx context.Context, quick bool) (_ *bench, err error) {
	b := &bench{ctx: ctx, effort: thorough, report: newReport(quick)}
	if quick {
		b.effort = glance
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.folder, err = os.MkdirTemp("", "proxycgi-bench-"); err != nil {
		return nil, err
	}
	if b.app, err = startApp(); err != nil {
		return nil, err
	}
	log.Print("building proxy.cgi and the yardsticks")
	if b.programs, b.fastCGI, err = build(ctx, b.folder, b.app.addr); err != nil {
		return nil, err
	}
	b.report.addSkipped(b.programs)
	b.site, err = openSite(b)
	if errors.Is(err, webserver.ErrUnavailable) {
		b.report.skip("all under Apache", err.Error())
		err = nil
	}
	return b, err
}

// close leaves nothing running and no file behind.
func (b *bench) close() {
	if b.site != nil {
		b.site.stop()
	}
	if b.app != nil {
		b.app.stop()
	}
	if err := os.RemoveAll(b.folder); err != nil {
		log.Print(err)
	}
}

func (b *bench) measure() error {
	parts := []struct {
		name   string
		apache bool
		run    func(*bench) error
	}{
		{"one GET as a whole process", false, (*bench).measureProcess},
		{"requests per second", true, (*bench).measureLoad},
		{"large transfers", true, (*bench).measureTransfers},
		{"event streams", true, (*bench).measureEvents},
		{"growing bodies", false, (*bench).measureBodies},
		{"growing headers", false, (*bench).measureFields},
		{"growing crowds", true, (*bench).measureCrowd},
	}
	for _, part := range parts {
		if part.apache && b.site == nil {
			continue
		}
		start := time.Now()
		log.Print(part.name)
		err := part.run(b)
		if b.ctx.Err() != nil {
			return errors.New("interrupted: nothing was written")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		log.Printf("  took %v", time.Since(start).Round(time.Second))
	}
	return nil
}

// output runs a command and returns what it prints; its error holds that too.
func output(ctx context.Context, name string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, text)
	}
	return string(text), nil
}
