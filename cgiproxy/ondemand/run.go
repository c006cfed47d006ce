package ondemand

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// RunStarter is the hidden command "app": arguments are those after this word.
// It returns an exit status, or the process becomes another program. The ways it
// is started are in this package: a working directory with .cgiproxy in it,
// and descriptors from 3 up.
func RunStarter(arguments []string) int {
	switch {
	case len(arguments) == 2 && arguments[0] == "run":
		return runCommand(arguments[1])
	case len(arguments) > 0 && arguments[0] == "watch":
		return watch(arguments[1:])
	case len(arguments) > 7 && arguments[0] == "retire":
		return retireOld(arguments[1:])
	}
	return 2
}

// oneThread is for the runtime of a watcher, and not for its app: the first in
// its environment, where a.environment has PATH. An app that gets another has its
// watcher run with that.
const oneThread = "GOMAXPROCS=1"

// Hidden reports whether arguments of the command "app" are for RunStarter.
func Hidden(arguments []string) bool {
	return len(arguments) > 0 && (arguments[0] == "run" || arguments[0] == "watch" || arguments[0] == "retire")
}

// The descriptors that "app run" is started with.
const (
	lockFD = 3
	tellFD = 4 // says what went wrong; closed by exec
)

// runCommand becomes the shell that runs the app.
func runCommand(command string) int {
	runtime.LockOSThread() // for its signal mask, which exec keeps
	err := becomeShell(command)
	fmt.Fprintf(os.Stderr, "proxy.cgi: %v\n", err) // the app's log
	_, _ = os.NewFile(tellFD, "tell").Write(encodeError(err))
	return 1
}

func becomeShell(command string) error {
	at("child")
	closeOnExec(lockFD)
	self, err := readProcess(os.Getpid())
	if err != nil {
		return noState(err)
	}
	f := folder(".cgiproxy")
	s, err := f.read()
	if err != nil {
		return err
	}
	if s.phase != starting || !f.has("lock", lockFD) {
		return cannotRun(errors.New("it was not asked for"))
	}
	s.run.pid, s.run.start = self.pid, self.start
	at("child knows itself")
	if err := f.write(s); err != nil {
		return err
	}
	at("child written")
	raiseLimits()
	if err := defaultSignals(); err != nil {
		return cannotRun(err)
	}
	at("child before exec")
	return cannotRun(syscall.Exec("/bin/sh", []string{"sh", "-c", command}, append(os.Environ(), tokenName+"="+s.run.token)))
}

// raiseLimits frees the app from limits that are meant for scripts: of processor
// time, for one, Apache's RLimitCPU has it killed after some minutes.
func raiseLimits() {
	for _, resource := range [...]int{
		unix.RLIMIT_CPU, unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE, unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC,
	} {
		var limit syscall.Rlimit
		if syscall.Getrlimit(resource, &limit) == nil {
			limit.Cur = limit.Max
			_ = syscall.Setrlimit(resource, &limit)
		}
	}
}

// warnOfLimits names limits that the app gets from whom starts it and that cannot be
// raised. Where a shell does, they are not those of the web server's programs: cPanel's
// "shell fork bomb protection" allows 100 open files and 200 MB.
func (a *App) warnOfLimits() {
	const unlimited = unix.RLIM_INFINITY
	for _, l := range [...]struct {
		resource int
		enough   uint64
		effect   string
	}{
		{unix.RLIMIT_CPU, unlimited, "seconds of processor time, after which it is killed"},
		{unix.RLIMIT_AS, unlimited, "bytes of address space"},
		{unix.RLIMIT_DATA, unlimited, "bytes of data"},
		{unix.RLIMIT_NOFILE, 1024, "open files"},
		{unix.RLIMIT_NPROC, 64, "processes of its user"},
	} {
		var limit unix.Rlimit
		if unix.Getrlimit(l.resource, &limit) == nil && uint64(limit.Max) < l.enough {
			a.warn(fmt.Sprintf("the app cannot have more than %d %s: ask the host (RLimitCPU, RLimitMEM); "+
				"or, where this is a shell with limits of its own, restart it by %s, for the next request starts it with those of the web server", limit.Max, l.effect, strings.Join(a.RestartFiles, " or ")))
		}
	}
}

// defaultSignals undoes what exec would keep: signals that are ignored, as
// nohup and some web servers have it. Those with a handler exec sets to their
// default, so each gets one.
func defaultSignals() error {
	signal.Notify(make(chan os.Signal, 1))
	return resetSignals()
}

// encodeError and decodeError pass an *Error through a pipe: its kind, the
// kernel's error number if there is one, its text.
func encodeError(err error) []byte {
	kind := Failed
	if e, ok := errors.AsType[*Error](err); ok {
		kind = e.Kind
	}
	var number syscall.Errno
	errors.As(err, &number)
	return fmt.Appendf(nil, "%d %d %v", kind, number, err)
}

func decodeError(said []byte) error {
	fields := bytes.SplitN(said, []byte(" "), 3)
	if len(fields) < 3 {
		return cannotRun(fmt.Errorf("%.200q", said))
	}
	number, _ := strconv.Atoi(string(fields[1]))
	err := cannotRun(syscall.Errno(number))
	if kind, _ := strconv.Atoi(string(fields[0])); Kind(kind) == NoState {
		err = noState(syscall.Errno(number))
	}
	err.Cause = fmt.Errorf("%.1000s", fields[2])
	return err
}
