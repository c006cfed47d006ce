package ondemand

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An Error says why there is no app. Its text is the cause, for the owner's log.
type Error struct {
	Kind       Kind
	Cause      error
	Remedy     string        // what the owner can do
	Output     string        // the last lines that the app wrote, if it was a start that failed
	RetryAfter time.Duration // when a request may succeed; 0 is not known
}

// A Kind is what a gateway tells errors apart by.
type Kind int

const (
	Failed   Kind = iota // the command ended before it listened, or cannot be run
	TimedOut             // it ran for Timeout and did not listen
	Stranger             // somebody else's listener has the address
	NoState              // the folder .cgiproxy, its lock or its files cannot be used
	Busy                 // another process has held the lock for too long
	Unending             // the app cannot be stopped
	Shared               // the folder is another site's, with other settings
	Outdated             // the settings have changed since they were read
)

func (e *Error) Error() string { return e.Cause.Error() }
func (e *Error) Unwrap() error { return e.Cause }

// Advice returns the remedy and the output, for a line of a log.
func (e *Error) Advice() string {
	if e.Output == "" {
		return e.Remedy
	}
	return e.Remedy + "; its last lines: " + strings.ReplaceAll(e.Output, "\n", " | ")
}

// explain returns an error for a line of the log.
func explain(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return fmt.Sprintf("%v: %s", e, e.Advice())
	}
	return err.Error()
}

func isKind(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// IsOutdated reports whether an error of Enter or Dial is of settings that have changed
// since they were read.
func IsOutdated(err error) bool { return isKind(err, Outdated) }

func isStranger(err error) bool { return isKind(err, Stranger) }

// NotOurs is an error of Connect: err says whose listener is at the address.
func NotOurs(address string, err error) *Error {
	return &Error{
		Kind:   Stranger,
		Cause:  fmt.Errorf("%s: %w", address, err),
		Remedy: "choose another port, UPSTREAM=auto or a unix socket",
	}
}

// noState is a failure of the folder .cgiproxy or a file in it.
func noState(err error) *Error {
	otherwise := fmt.Sprintf("rename .cgiproxy, let user %d write there (scripts run as this user), or set START_DIR to a folder of this user", os.Geteuid())
	if theirs, ok := errors.AsType[*othersError](err); ok {
		otherwise = fmt.Sprintf("do scripts run as user %d on this host? Then restart the app by tmp/restart.txt, and stop it on the status page; else rename .cgiproxy", theirs.owner)
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok && path.Op == "mkdir" {
		otherwise = fmt.Sprintf("scripts run as user %d, who has to be able to write to START_DIR: see MANUAL.md, Start the app", os.Geteuid())
	}
	return noFile(err, "does START_DIR exist?", otherwise)
}

// An othersError is a folder .cgiproxy that another user has made.
type othersError struct {
	path  string
	owner int
}

func (e *othersError) Error() string {
	return fmt.Sprintf("%s belongs to user %d and this process to user %d: permission denied", e.path, e.owner, os.Geteuid())
}

func (e *othersError) Unwrap() error { return fs.ErrPermission }

// noLog is an app's log that cannot be opened.
func noLog(err error) *Error {
	otherwise := fmt.Sprintf("delete or rename it, or set START_LOG to a file that user %d may write (scripts run as this user)", os.Geteuid())
	return noFile(err, "make the folder of START_LOG", otherwise)
}

// noFile is a file that is needed to start the app and cannot be used. The remedies are
// for one whose folder is missing, and where the cause suggests none.
func noFile(err error, missing, otherwise string) *Error {
	e := &Error{Kind: NoState, Cause: err, Remedy: otherwise}
	switch {
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		e.Remedy = "this file system has no locks: set START_DIR to a folder on a local disk"
	case errors.Is(err, unix.ENOSPC):
		e.Remedy = "the disk is full: delete something"
	case errors.Is(err, unix.EDQUOT):
		e.Remedy = "your disk quota is used up: delete something, or ask the host for more"
	case errors.Is(err, unix.EROFS):
		e.Remedy = "the file system is read-only: set START_DIR to a folder that can be written"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		e.Remedy = "too many files are open: raise the limit"
	case errors.Is(err, fs.ErrNotExist):
		e.Remedy = missing
	}
	return e
}

// cannotRun is a command that the system does not let us run.
func cannotRun(err error) *Error {
	e := &Error{Kind: Failed, Cause: fmt.Errorf("start the app: %w", err)}
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM):
		e.Remedy = "the limit of processes or memory is reached (ulimit -u, RLimitNPROC): end some, or ask the host for more"
	case errors.Is(err, fs.ErrNotExist):
		e.Remedy = "does START_DIR exist?"
	case errors.Is(err, fs.ErrPermission):
		e.Remedy = "may this user enter START_DIR, and run programs there?"
	}
	return e
}

// noProcesses is a system that shows scripts no processes, not even their own.
func noProcesses(err error) *Error {
	return &Error{
		Kind:   Failed,
		Cause:  fmt.Errorf("start the app: scripts see no processes here: %w", err),
		Remedy: "START needs them, on Linux in /proc: ask the host",
	}
}

// unseenAt is an app that was started here, and cannot be ended from here.
func unseenAt(addresses []string) *Error {
	return &Error{
		Kind:   Unending,
		Cause:  fmt.Errorf("the app listens on %s, and which processes are its own cannot be seen: it is never ended, and no restart counts", strings.Join(addresses, " or ")),
		Remedy: "start it in the foreground, with a program that its user may read (permissions 755) and that has no capabilities (setcap); the one that runs, end by hand",
	}
}

// An exit is how a command ended: a status of wait(2) as shells give it on,
// 128 and more is a signal.
type exit int

func exitStatus(status unix.WaitStatus) exit {
	if status.Signaled() {
		return exit(128 + int(status.Signal()))
	}
	return exit(status.ExitStatus())
}

func (e exit) String() string {
	if e > 128 && e < 128+65 {
		return fmt.Sprintf("status %d, signal %d (%v)", int(e), int(e)-128, unix.Signal(e-128))
	}
	return fmt.Sprintf("status %d", int(e))
}

func (e exit) remedy() string {
	switch {
	case e == 127:
		return "a program was not found: give the full path in START, for PATH is not your shell's"
	case e == 126:
		// Some shells say so of one that is not found, too, where a folder of PATH may
		// not be entered.
		return "a program may not be run: set its permissions to 755, and give its full path in START"
	case e == 128+exit(unix.SIGKILL):
		return "it was killed: is memory or processor time limited on this host?"
	}
	return "see the app's log"
}
