// Package cgihost is a CGI web server of a few lines: every request is handed
// to one program, in a process of its own, as Apache does behind
// "RewriteRule ^.*$ proxy.cgi [L]".
//
// It is not built on net/http/cgi.Handler, which cannot be put right from the
// outside: it hides the exit status, so that a cut response looks whole; it
// waits to write before it notices that the client left; it refuses chunked
// bodies and header lines of 1 KiB; it parses and rewrites REQUEST_URI; it
// holds back what io.Copy has not filled a buffer with; and it loses the reason
// phrase.
package cgihost

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// killAfter is how long a program may live on after SIGTERM before SIGKILL,
// and how long its descendants may hold its output open: Apache's 3 seconds.
const killAfter = 3 * time.Second

// A Script is the CGI program that answers every request.
type Script struct {
	// Path of the program; its folder is the working directory and DOCUMENT_ROOT.
	Path string
	// Env holds what SetEnv would give, as "NAME=value". Of this process's own
	// environment only PATH is passed on.
	Env []string
	// Stderr is the error log, for the program and for the server's own lines;
	// nil is os.Stderr.
	Stderr io.Writer
}

// Serve answers the requests of l with the script until ctx is done, which is
// no error. It then ends every running program, with SIGTERM and 3 seconds
// later SIGKILL, and returns when none is left.
func Serve(ctx context.Context, l net.Listener, s Script) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.RWMutex // read-held by each request
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.RLock()
			defer running.RUnlock()
			s.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withStatusConn,
		ReadHeaderTimeout: time.Minute,
	}
	// Close rather than Shutdown: that would wait for the connections that
	// browsers open ahead of a request.
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.Serve(statusListener{l})
	cancel()
	running.Lock() // no request can be running from here on
	defer running.Unlock()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// ServeHTTP runs the program for one request. The program's own reason phrase
// reaches the client only under [Serve].
func (s Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stderr := s.Stderr
	if stderr == nil {
		stderr = os.Stderr
	}
	logger := log.New(stderr, "cgihost: ", 0)
	path, err := filepath.Abs(s.Path) // the program runs in its own folder
	if err != nil {
		path = s.Path
	}
	// net/http would otherwise read the rest of the body before the first byte
	// of a response goes out, and hold up an early 413.
	http.NewResponseController(w).EnableFullDuplex()

	// The context ends when the client leaves, also while both sides are silent.
	cmd := exec.CommandContext(r.Context(), path)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	cmd.Dir = filepath.Dir(path)
	cmd.Env = environ(r, path, s.Env)
	cmd.Stderr = stderr
	out := &response{w: w, r: r}
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe() // as cmd.Stdin, Wait would wait for an unread body
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		go func() {
			io.Copy(stdin, r.Body) // an error is a body cut short: the program sees too few bytes
			stdin.Close()
		}()
		err = cmd.Wait()
	}
	switch {
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client left, or the server is ending
	case !out.begun:
		if err == nil {
			err = errors.New("exit status 0")
		}
		logger.Printf("%s: end of script output before headers: %v", path, err)
		http.Error(w, "500 internal server error", http.StatusInternalServerError)
	case err != nil:
		// The response was cut short. Returning would end the chunked body as if
		// it were whole; cut the connection instead, so that it shows.
		logger.Printf("%s: answer cut short: %v", path, err)
		panic(http.ErrAbortHandler)
	}
}

// environ gives the variables of RFC 3875 as Apache's mod_cgi sets them after a
// rewrite in .htaccess: the script is named, PATH_INFO is absent.
func environ(r *http.Request, path string, extra []string) []string {
	env := map[string]string{
		"PATH":              os.Getenv("PATH"),
		"GATEWAY_INTERFACE": "CGI/1.1",
		"SERVER_SOFTWARE":   "cgihost",
		"SERVER_PROTOCOL":   r.Proto,
		"REQUEST_METHOD":    r.Method,
		"REQUEST_SCHEME":    "http",
		"REQUEST_URI":       r.RequestURI, // raw, as it stood in the request line
		"QUERY_STRING":      r.URL.RawQuery,
		"SCRIPT_NAME":       "/" + filepath.Base(path),
		"SCRIPT_FILENAME":   path,
		"DOCUMENT_ROOT":     filepath.Dir(path),
		"REDIRECT_STATUS":   "200",
		"REDIRECT_URL":      r.URL.Path,
		"HTTP_HOST":         r.Host,
	}
	if r.URL.RawQuery != "" {
		env["REDIRECT_QUERY_STRING"] = r.URL.RawQuery
	}
	env["REMOTE_ADDR"], env["REMOTE_PORT"], _ = net.SplitHostPort(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		env["SERVER_ADDR"], env["SERVER_PORT"], _ = net.SplitHostPort(local.String())
		env["SERVER_NAME"] = env["SERVER_ADDR"]
	}
	if name := (&url.URL{Host: r.Host}).Hostname(); name != "" {
		env["SERVER_NAME"] = name
	}
	for name, values := range r.Header {
		switch {
		case name == "Content-Type":
			env["CONTENT_TYPE"] = values[0]
		case name == "Content-Length": // 0 is given too; absent is no variable
			env["CONTENT_LENGTH"] = values[0]
		case strings.ContainsAny(name, "_.!#$%&'*+^`|~="):
			// Apache drops these: as variables they could not be told from
			// the same name with hyphens.
		case name == "Cookie":
			env["HTTP_COOKIE"] = strings.Join(values, "; ")
		default:
			// Authorization is passed on, as the SetEnvIf line in
			// htaccess.example arranges. So is Proxy (HTTP_PROXY, httpoxy),
			// as nginx with fcgiwrap does: the program has to cope.
			env["HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = strings.Join(values, ", ")
		}
	}
	// The body arrives de-chunked and ends with the input, as under mod_cgi.
	if len(r.TransferEncoding) > 0 {
		env["HTTP_TRANSFER_ENCODING"] = strings.Join(r.TransferEncoding, ", ")
	}
	list := make([]string, 0, len(env)+len(extra))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return append(list, extra...) // the last of a name counts
}
