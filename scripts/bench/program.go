package main

// The programs that are compared, and how they are built.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const sources = "scripts/bench/yardsticks"

// The names in the tables.
const (
	ours     = "proxy.cgi"
	goProxy  = "Go, 30 lines"
	goTrim   = "Go, 30 lines, our flags"
	cProxy   = "C, static"
	goBare   = "Go, only system calls"
	goLinked = "Go, the same, our libraries linked"
	goHello  = "Go, hello"
	python   = "Python 3"
	perl     = "Perl"
	php      = "PHP"
	oursFast = "proxy.fcgi"
	goFast   = "Go FastCGI, 30 lines"
	bareFCGI = "Go FastCGI, only reads and writes"
	helloFCG = "Go FastCGI, hello"
	modProxy = "mod_proxy"

	ours386   = "proxy.cgi, linux/386"
	nginxPass = "proxy_pass"
)

// A program is one that a web server could run.
type program struct {
	name string
	path string
	args []string
	env  []string // beside the request's
	asks bool     // the app; else it answers by itself
	err  error    // why it cannot be run here
}

// ourFlags are those of `make build`. The Go programs are built with them, so
// that what differs is their own code; but for the usual one of 30 lines, which
// is also built as everybody would, with nothing but `go build`.
var ourFlags = []string{"-trimpath", "-tags", "nethttpomithttp2,netgo,osusergo", "-ldflags", "-s -w"}

// build builds all programs into folder, for an app at addr.
func build(ctx context.Context, folder, addr string) (once, fast []*program, err error) {
	upstream := []string{"UPSTREAM=" + addr}
	compiled := func(name, file string, asks bool) *program {
		return &program{name: name, path: filepath.Join(folder, file), env: upstream, asks: asks}
	}
	once = []*program{
		compiled(ours, "proxy.cgi", true),
		compiled(ours386, "proxy-386.cgi", true),
		compiled(goProxy, "goproxy", true),
		compiled(goTrim, "goproxy-trimmed", true),
		compiled(cProxy, "cproxy", true),
		compiled(goBare, "gobare", true),
		compiled(goLinked, "gobare-libraries", true),
		compiled(goHello, "gohello", false),
		interpreted(python, "python3", "proxy.py", upstream),
		interpreted(perl, "perl", "proxy.pl", upstream),
		interpreted(php, "php-cgi", "proxy.php", upstream),
	}
	fast = []*program{
		compiled(oursFast, "proxy.cgi", true),
		compiled(goFast, "gofcgiproxy", true),
		compiled(bareFCGI, "gofcgibare", true),
		compiled(helloFCG, "gofcgihello", false),
	}
	// Under suEXEC this file is the only way, so it is the one measured.
	if err := os.WriteFile(filepath.Join(folder, ".htcgiproxy"), []byte("CGIPROXY_UPSTREAM="+addr+"\n"), 0o644); err != nil {
		return nil, nil, err
	}
	if _, err := output(ctx, "make", "-s", "build", "OUT="+once[0].path); err != nil {
		return nil, nil, err
	}
	if err := build386(ctx, named(once, ours386)); err != nil {
		return nil, nil, err
	}
	if _, err := output(ctx, "go", "build", "-o", named(once, goProxy).path, "./"+sources+"/goproxy"); err != nil {
		return nil, nil, err
	}
	for _, p := range []*program{named(once, goTrim), named(once, goBare), named(once, goLinked), named(once, goHello), named(fast, goFast), named(fast, bareFCGI), named(fast, helloFCG)} {
		if err := buildGo(ctx, p.path); err != nil {
			return nil, nil, err
		}
	}
	c := named(once, cProxy)
	c.err = buildC(ctx, c.path)
	return once, fast, nil
}

// build386 builds proxy.cgi for the hosts whose limits leave no room for
// linux/amd64.
func build386(ctx context.Context, p *program) error {
	if runtime.GOARCH != "amd64" {
		p.err = errors.New("not on " + runtime.GOARCH)
		return nil
	}
	cmd := exec.CommandContext(ctx, "make", "-s", "build", "OUT="+p.path)
	cmd.Env = append(os.Environ(), "GOARCH=386")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", ours386, err, text)
	}
	return nil
}

// buildGo builds the yardstick that path is named after, up to a hyphen.
func buildGo(ctx context.Context, path string) error {
	name, variant, _ := strings.Cut(filepath.Base(path), "-")
	source := "./" + filepath.Join(sources, name)
	flags := slices.Clone(ourFlags)
	flags[slices.Index(flags, "-tags")+1] += "," + variant // trimmed, which is no tag of any file, or libraries
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, flags, []string{"-o", path, source})...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", source, err, text)
	}
	return nil
}

// buildC returns why there is no C program, which is not fatal.
func buildC(ctx context.Context, path string) error {
	gcc, err := findTool("gcc")
	if err != nil {
		return err
	}
	_, err = output(ctx, gcc, "-O2", "-static", "-o", path, filepath.Join(sources, "cproxy.c"))
	return err
}

// interpreted is a program that is text.
func interpreted(name, interpreter, file string, env []string) *program {
	script, err := filepath.Abs(filepath.Join(sources, file))
	if err != nil {
		return &program{name: name, err: err}
	}
	path, err := findTool(interpreter)
	if err != nil {
		return &program{name: name, err: err}
	}
	p := &program{name: name, path: path, args: []string{script}, env: env, asks: true}
	switch interpreter {
	case "python3":
		// Where versions are switched by a script, that is not Python's cost.
		real, err := output(context.Background(), path, "-c", "import sys; print(sys.executable)")
		p.path, p.err = strings.TrimSpace(real), err
	case "php-cgi":
		modules, err := output(context.Background(), path, "-m")
		if err == nil && !strings.Contains(modules, "\ncurl\n") {
			err = fmt.Errorf("PHP has no curl: apt-get install php-curl")
		}
		// As a web server would: php-cgi takes the script from here, and runs
		// none without a REDIRECT_STATUS.
		p.args, p.err = nil, err
		p.env = append([]string{"SCRIPT_FILENAME=" + script, "REDIRECT_STATUS=200"}, env...)
	}
	return p
}

// usable returns the programs that can be run here.
func usable(all []*program) (list []*program) {
	for _, p := range all {
		if p.err == nil {
			list = append(list, p)
		}
	}
	return list
}

// named returns the program of that name, nil where it cannot be run.
func named(all []*program, name string) *program {
	for _, p := range usable(all) {
		if p.name == name {
			return p
		}
	}
	return nil
}
