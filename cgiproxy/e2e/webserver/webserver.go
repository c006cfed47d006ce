// Package webserver starts real web servers for tests: in the foreground, from
// a generated configuration, in a temporary folder and on a free loopback
// port. It is imported by tests only.
//
//	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{})
//	s.Install(t, "proxy.cgi", binary)
//	s.WriteFile(t, ".htaccess", rules, 0o644)
//	resp, err := http.Get(s.URL + "/anything")
//
// A new kind is a constant and an entry in setups.
package webserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// Options change what Start does; the zero value is a usual host.
type Options struct {
	// Config is text for the server's own configuration, in its language: for
	// Apache and lighttpd it follows the generated one, for nginx it stands in
	// the server block. lighttpd replaces an earlier setting only by :=. In it
	// {root} stands for the document root, and {fcgiwrap} for its socket.
	Config string

	// Folders are the folders of the document root whose proxy.cgi, or
	// proxy.fcgi, gets each request that is not an existing file, where the
	// server has no .htaccess to say so. None means the document root alone,
	// which is "". Apache only finds them there when it starts.
	Folders []string

	// Rules are in place of the generated lines by which nginx and lighttpd run
	// the scripts of Folders.
	Rules string

	// Program is the file to install as proxy.fcgi in each of Folders before
	// the server starts; "" for none.
	Program string
}

// ErrUnavailable is wrapped by the errors of Start that say that the software,
// or the right to use it, is missing on this machine.
var ErrUnavailable = errors.New("not available here")

// errAddrInUse is wrapped when somebody else took the port first.
var errAddrInUse = errors.New("address already in use")

const (
	readyTimeout = 10 * time.Second
	stopTimeout  = 15 * time.Second // from SIGTERM to SIGKILL; Apache kills its own workers after 9
	helpTimeout  = 3 * time.Second  // for helpers to follow a server that has ended
	pollInterval = 10 * time.Millisecond
)

// A Server is a running web server with a document root that tests fill.
type Server struct {
	Kind Kind
	URL  string // "http://" and Addr
	Addr string // 127.0.0.1 and a port
	Root string // the document root

	// UID and GID run the CGI programs and own everything below Root, as on a
	// shared host.
	UID, GID int

	dir       string   // configuration, logs, sockets
	folders   []string // to remove: dir, and under suEXEC the one around Root
	web       account  // whom the server works as
	logs      []logFile
	processes []*process
	release   func() // lets go of the port; nil where that was done

	mu      sync.Mutex
	copies  map[string]string // from a binary to this server's copy of it
	spawned []*process        // by Spawn
}

// An account is a user with a group.
type account struct{ uid, gid int }

// A command is one process to start.
type command struct {
	path  string
	args  []string
	as    account
	stdin *os.File // nil is /dev/null; closed once all are started
}

// Start starts a server and returns once it answers, with an empty document
// root. The caller must call Stop. Run as root, the server works as www-data,
// so the folder for temporary files must be open to all.
func Start(k Kind, o Options) (*Server, error) {
	// The port is free when it is picked and may be gone when it is bound:
	// tests run in parallel.
	for attempt := 1; ; attempt++ {
		s, err := start(k, o)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, errAddrInUse) || attempt == 5 {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
}

func start(k Kind, o Options) (_ *Server, err error) {
	setup, ok := setups[k]
	if !ok {
		return nil, errors.New("no such kind of web server")
	}
	s := &Server{Kind: k, copies: make(map[string]string)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if len(o.Folders) == 0 {
		o.Folders = []string{""}
	}
	commands, err := setup(s, o)
	if err != nil {
		return nil, err
	}
	for _, folder := range o.Folders {
		if err := s.makeFolder(folder); err != nil {
			return nil, err
		}
		if o.Program == "" {
			continue
		}
		if err := s.install(filepath.Join(folder, "proxy.fcgi"), o.Program); err != nil {
			return nil, err
		}
	}
	if err := s.launch(commands); err != nil {
		return nil, err
	}
	return s, s.awaitReady()
}

// fill puts this server's paths into a text of Options.
func (s *Server) fill(text string) string {
	return strings.NewReplacer("{root}", s.Root, "{fcgiwrap}", s.path("fcgiwrap.sock")).Replace(text) + "\n"
}

// prepare picks the account, the folders and the port.
func (s *Server) prepare() (err error) {
	if s.web, err = lookupAccount("www-data", "www-data"); err != nil {
		return err
	}
	s.UID, s.GID = s.web.uid, s.web.gid
	if s.dir, err = s.newFolder("", s.web); err != nil {
		return err
	}
	s.logs = []logFile{{path: s.path("error.log")}}
	s.Root = s.path("htdocs")
	if err := newSubfolder(s.Root, s.web); err != nil {
		return err
	}
	port, release, err := testkit.HoldPort()
	if err != nil {
		return err
	}
	s.release = release
	s.Addr = "127.0.0.1:" + port
	s.URL = "http://" + s.Addr
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

func (s *Server) launch(commands []command) error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	for _, c := range commands {
		if c.stdin != nil {
			defer c.stdin.Close() // after all: commands may share it
		}
		p, err := startProcess(c, log)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	return nil
}

// openLog opens the one log for what a server prints and what it logs. Both
// append.
func (s *Server) openLog() (*os.File, error) {
	return os.OpenFile(s.path("error.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// awaitReady waits until the server answers.
func (s *Server) awaitReady() error {
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		for _, p := range s.processes {
			select {
			case <-p.done:
				return s.startError("exited at once: " + p.state())
			default:
			}
		}
		if s.bound() && answers(s.Addr) && s.cgidReady() {
			return nil
		}
	}
	return s.startError("not ready after " + readyTimeout.String())
}

// cgidReady reports whether workers may connect to mod_cgid's daemon, if there is
// one: Apache makes its socket before it gives it to them.
func (s *Server) cgidReady() bool {
	info, err := os.Stat(s.path("cgid.sock"))
	return err != nil || os.Geteuid() != 0 || info.Sys().(*syscall.Stat_t).Uid != 0
}

// bound reports whether the server has its port. To connect is not enough:
// where another one took the port, that one would answer. All servers here
// write their process id once they are bound.
func (s *Server) bound() bool {
	main := s.processes[len(s.processes)-1]
	pid, err := os.ReadFile(s.path("pid"))
	return err == nil && strings.TrimSpace(string(pid)) == strconv.Itoa(main.pid)
}

// answers reports whether a worker answers a request. The kernel accepts
// connections before there is one, and Apache's take seconds to stop when they
// are told so while they start. OPTIONS * touches no file and no log.
func answers(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(readyTimeout)); err != nil {
		return false
	}
	if _, err := io.WriteString(c, "OPTIONS * HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}

func (s *Server) startError(what string) error {
	log := s.ErrorLog()
	if strings.Contains(log, "Address already in use") {
		return fmt.Errorf("%w: %s", errAddrInUse, log)
	}
	return fmt.Errorf("%s; its log:\n%s", what, log)
}

// Stop ends the server and what it started, and removes its folders. The error
// names each process that outlived the server and had to be killed. Stop may
// be called again.
func (s *Server) Stop() error {
	var errs []error
	var sessions []int
	s.mu.Lock()
	all := append(s.spawned, s.processes...)
	s.mu.Unlock()
	for _, p := range slices.Backward(all) {
		errs = append(errs, p.stop(stopTimeout))
		sessions = append(sessions, p.pid)
	}
	errs = append(errs, endLeftovers(sessions, s.folders, helpTimeout))
	if s.release != nil {
		s.release()
		s.release = nil
	}
	for _, folder := range s.folders {
		errs = append(errs, os.RemoveAll(folder))
	}
	s.processes, s.spawned, s.folders = nil, nil, nil
	return errors.Join(errs...)
}
