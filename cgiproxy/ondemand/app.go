package ondemand

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// An App is a program that listens, and how to start it. It has no state of its
// own: that is in the folder .cgiproxy in Dir, for all processes and users of
// the methods. They may be called at once.
type App struct {
	Command  string // what /bin/sh -c runs; must not be empty
	Dir      string // its working directory, absolute
	Settings string // the file that says so, by which a site is known from others; "" is none

	// SettingsChanged is the ctime (stat(2)) of Settings, as it was when it was read;
	// zero is not known.
	SettingsChanged time.Time

	// Network is "tcp" or "unix", "" is tcp. The app listens at one of
	// Addresses: host:port, or the absolute path of a socket. With Auto there
	// are none: a free port of this machine is chosen at each start.
	Network   string
	Addresses []string
	Auto      bool

	Timeout time.Duration // from its start until it listens; 0 is 30 s
	Log     string        // gets its output, and is cut to 512 KiB where a request finds more than 1 MiB; "" is Dir/app.log
	Env     []string      // NAME=value, besides PATH, HOME, USER, LOGNAME, SHELL, LANG, TZ and PORT or SOCKET
	Passing []string      // as Env, but no other value restarts the app: each process that brings a request may have another

	RestartFiles  []string      // the app is restarted when one appears or changes
	AlwaysRestart string        // the app is restarted for each request while this file exists; "" is none
	IdleStop      time.Duration // the app is stopped after that long without a request; 0 is never

	// Connect connects to an address of the app. Where a listener is not the
	// owner's, it sends nothing there and returns an error of NotOurs. Nil is
	// net.Dialer's DialContext.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)

	Warn       func(string) // gets lines for the owner's log; nil drops them
	Executable string       // a program whose "app" command is RunStarter; "" is this one
}

const (
	defaultTimeout = 30 * time.Second
	comeBack       = 2 * time.Second // an app that reloads itself does not listen for a moment
	probation      = 1 * time.Second // a new app has to last before it replaces one that works
)

// Enter is called before a request's connection to the app is looked for. It
// restarts the app where that was asked for, waits while it is being stopped,
// and marks the request as under way until leave is called. An *Error or ctx's
// is returned where the request must not go on. One with a deadline goes on to the
// old app where a new one does not listen until then; after such a time nobody
// waits for it who has a deadline.
func (a *App) Enter(ctx context.Context) (leave func(), err error) {
	arrived, hurry := time.Now(), patienceOf(ctx)
	a.folder().trimLog(a.log())
	patience := a.patience()
	for settled := false; ; {
		now, held := a.look(), false
		if !now.always || settled {
			fd, err := a.folder().use(now.name(), a.IdleStop > 0)
			if err == nil {
				return func() { unix.Close(fd); a.folder().trimLog(a.log()) }, nil
			}
			held = err == errBusy
			if settled && !held && err != unix.ENOENT {
				return a.unmarked(noState(&fs.PathError{Op: "use", Path: a.folder().file(now.name()), Err: err})), nil
			}
		}
		err := a.settle(ctx, arrived, hurry)
		busy := err == errBusy
		if busy {
			err = cmp.Or(a.outdated(), patience.wait(ctx))
		}
		if hurry > 0 && (busy || err != nil) {
			atLeast := hurry
			if err == errStillStarting || ctx.Err() != nil {
				atLeast = 0
			}
			if fd, ok := a.useOld(atLeast); ok {
				return func() { unix.Close(fd) }, nil
			}
		}
		if err == errStillStarting || err == nil && held && !busy {
			busy, err = true, patience.wait(ctx) // the old app has ended just now, or is being ended
		}
		switch {
		case err == nil:
			settled = settled || !busy
		case busy, isKind(err, Shared), ctx.Err() != nil:
			return nil, err
		default:
			return a.unmarked(err), nil
		}
	}
}

// unmarked is for a request that goes on though nobody can see that. A disk that is
// full must not take a site down whose app runs. If it does not, Dial says so.
func (a *App) unmarked(err error) (leave func()) {
	if isKind(err, NoState) {
		a.warn("the app goes on if it runs, and no restart and no new setting counts: " + explain(err))
	}
	return func() {}
}

// Dial connects to the app. If nobody listens it starts the app, or waits for
// who is starting it. Its errors are *Error, ctx's and Connect's.
func (a *App) Dial(ctx context.Context) (net.Conn, error) {
	s, network, addresses, err := a.serving()
	if err != nil {
		return nil, err
	}
	if s.overdue() {
		a.remind()
	}
	patience := a.patience()
	for {
		conn, err := a.connect(ctx, network, addresses)
		if err == nil && s.unsettled() {
			a.confirm()
		}
		if err == nil || !a.isDown(err) {
			return conn, err
		}
		if err := a.outdated(); err != nil {
			return nil, err
		}
		lock, err := a.folder().lock()
		if err == nil {
			var conn net.Conn
			conn, err = a.bring(ctx, lock, false)
			lock.Close()
			if err != errBusy {
				return conn, err
			}
		}
		if err != errBusy {
			return nil, err
		}
		if err := patience.wait(ctx); err != nil {
			return nil, err
		}
		if a.Auto {
			network, addresses, _ = a.Address() // of the one that is being started
		}
	}
}

// Address returns where the app is to be reached, most likely first. With Auto
// it reads the state, and there is none where the app does not run.
func (a *App) Address() (network string, addresses []string, err error) {
	_, network, addresses, err = a.serving()
	return network, addresses, err
}

// serving is Address with the state. With Auto, that has to be known.
func (a *App) serving() (s *state, network string, addresses []string, err error) {
	s, err = a.folder().readAnyBoot()
	if !a.Auto {
		if err != nil {
			s = new(state)
		}
		return s, a.network(), a.Addresses, nil
	}
	if err != nil {
		return nil, "", nil, err
	}
	run := s.serving()
	return s, run.network, a.addresses(run), nil
}

// addresses returns where a run is to be reached. With Auto that is nowhere once
// nothing of it can listen: the port of then may be another site's by now.
func (a *App) addresses(r *run) []string {
	switch {
	case !a.Auto:
		return a.Addresses
	case a.mayListen(r) || !findsStrays:
		return r.addresses
	}
	return nil
}

// connect connects to the first of the addresses that takes us. Somebody else's
// listener keeps the app from the first of them only: at [::1] it is in nobody's
// way while 127.0.0.1 is free.
func (a *App) connect(ctx context.Context, network string, addresses []string) (net.Conn, error) {
	dial := a.Connect
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var err error = unix.ECONNREFUSED // with no address at all
	for i, address := range addresses {
		conn, dialErr := dial(ctx, network, address)
		switch {
		case dialErr == nil:
			return conn, nil
		case !nobodyListens(dialErr) && !isStranger(dialErr):
			return nil, dialErr
		case i == 0:
			err = dialErr
		}
	}
	return nil, err
}

// isDown reports whether a connection failed as the app has no listener. A port
// that was chosen for it, and is another user's by now, it cannot get back: where
// it does not end by itself, it is started on another.
func (a *App) isDown(err error) bool {
	return nobodyListens(err) || a.Auto && isStranger(err)
}

// nobodyListens reports whether a connection failed for the lack of a listener.
func nobodyListens(err error) bool {
	for _, e := range [...]error{
		unix.ECONNREFUSED, unix.ENOENT, // a dead socket file refuses
		unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, // [::1] without IPv6
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (a *App) network() string {
	if a.Network == "" {
		return "tcp"
	}
	return a.Network
}

func (a *App) timeout() time.Duration {
	if a.Timeout <= 0 {
		return defaultTimeout
	}
	return a.Timeout
}

func (a *App) log() string {
	if a.Log == "" {
		return filepath.Join(a.Dir, "app.log")
	}
	return a.Log
}

func (a *App) executable() (path string, err error) {
	if a.Executable != "" {
		return a.Executable, nil
	}
	// What runs, even if there is another file at its path by now.
	const self = "/proc/self/exe"
	if unix.Access(self, unix.X_OK) == nil {
		return self, nil
	}
	return os.Executable()
}

func (a *App) warn(line string) {
	if a.Warn != nil {
		a.Warn(line)
	}
}
