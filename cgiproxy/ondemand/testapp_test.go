//go:build linux

package ondemand

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// get makes one request of the app, as a gateway does.
func (a *App) get(ctx context.Context, path string) (string, error) {
	leave, err := a.Enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return a.getEntered(ctx, path)
}

// browse is get for a browser, which leaves where the app does not listen in time,
// with context.DeadlineExceeded. Where it has waited for a new app, the old one
// has more time, for the machine may be busy.
func (a *App) browse(patience time.Duration, path string) (string, error) {
	limit := time.Now().Add(patience)
	ctx, cancel := context.WithDeadline(context.Background(), limit)
	defer cancel()
	leave, err := a.Enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	if time.Until(limit) < patience*9/10 {
		ctx = context.Background()
	}
	return a.getEntered(ctx, path)
}

func (a *App) getEntered(ctx context.Context, path string) (string, error) {
	conn, err := a.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	header, body, ok := strings.Cut(string(text), "\r\n\r\n")
	if !ok || !strings.Contains(header, " 200 ") || !strings.HasSuffix(body, "END") {
		return "", fmt.Errorf("response cut short: %.300q", text)
	}
	return strings.TrimSuffix(body, "END"), nil
}

// requestMain is a process for one request. It prints the response.
func requestMain(text, path string) int {
	var o options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	o.App.Warn = func(line string) { fmt.Fprintln(os.Stderr, "warning:", line) }
	if o.Connect {
		o.App.Connect = owned(testOwner)
	}
	get := o.App.get
	if o.Patience > 0 {
		get = func(_ context.Context, path string) (string, error) { return o.App.browse(o.Patience, path) }
	}
	body, err := get(context.Background(), path)
	if errors.Is(err, context.DeadlineExceeded) {
		return statusLeft
	}
	if e, ok := errors.AsType[*Error](err); ok {
		fmt.Fprintf(os.Stderr, "kind %d: %v: %s (%v) %s\n", e.Kind, e, e.Remedy, e.RetryAfter, e.Output)
		return 3
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(body)
	return 0
}

const statusLeft = 4 // of a request that has left

// owned is what the gateway has for Connect.
func owned(owner func(net.Conn) error) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var notOurs error
		for range 2 { // it may have been ours and have just ended: nobody then owns it
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if notOurs = owner(conn); notOurs == nil {
				return conn, nil
			}
			conn.Close()
		}
		return nil, NotOurs(address, notOurs)
	}
}

// testOwner says whose a TCP listener is.
func testOwner(conn net.Conn) error {
	owner := -1
	err := descriptor.EachListener(func(l descriptor.Listener) {
		if l.At.String() == conn.RemoteAddr().String() {
			owner = l.UID
		}
	})
	if err == nil && owner != os.Geteuid() {
		err = fmt.Errorf("the listener belongs to user %d", owner)
	}
	return err
}

// testApp is an app with the habits that its flags say.
func testApp(arguments []string) {
	flags := flag.NewFlagSet("testapp", flag.ExitOnError)
	var (
		daemon = flags.Bool("daemon", false, "run in a session of its own, and end")
		end    = flags.Int("exit", -1, "end with this status")
		kill   = flags.Int("signal", 0, "end by this signal")
		never  = flags.Bool("never", false, "do not listen")
		print  = flags.Int("print", 0, "megabytes to print before")
		ignore = flags.Bool("ignore", false, "ignore SIGTERM")
		host   = flags.String("host", "127.0.0.1", "")
		port   = flags.String("port", os.Getenv("PORT"), "")
		_      = flags.Bool("quiet", false, "")
		brief  = flags.Duration("brief", 0, "end with status 3 so long after it listens")
		delay  = flags.Duration("delay", 0, "before it listens")
		await  = flags.String("await", "", "listen on the port that this file names, once it is there")
	)
	_ = flags.Parse(arguments)
	if *daemon {
		startDaemon(arguments)
		return
	}
	note("starts", os.Getpid())
	for range *print << 10 {
		fmt.Println(strings.Repeat("x", 1023))
	}
	if *end >= 0 {
		fmt.Println("the reason why")
		os.Exit(*end)
	}
	if *kill != 0 {
		_ = unix.Kill(os.Getpid(), syscall.Signal(*kill))
		select {}
	}
	if *never {
		time.Sleep(time.Hour)
	}
	time.Sleep(*delay)
	for *await != "" {
		if text, err := os.ReadFile(*await); err == nil {
			*port, *await = strings.TrimSpace(string(text)), ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	network, address := "tcp", net.JoinHostPort(*host, *port)
	if path := os.Getenv("SOCKET"); path != "" {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	terminated := make(chan os.Signal, 1)
	if *ignore {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(terminated, syscall.SIGTERM)
	}
	if *brief > 0 {
		time.AfterFunc(*brief, func() { os.Exit(3) })
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	server := &http.Server{Handler: http.HandlerFunc(appHandler)}
	go func() {
		<-terminated
		os.Exit(0) // requests under way are cut: nobody shall count on better manners
	}()
	go func() {
		<-reload
		listener.Close()
	}()
	_ = server.Serve(listener)
	select {} // as one that reloads itself, and whose port another has taken
}

func startDaemon(arguments []string) {
	var rest []string
	for _, a := range arguments {
		if a != "-daemon" {
			rest = append(rest, a)
		}
	}
	c := exec.Command("/proc/self/exe", append([]string{"testapp"}, rest...)...)
	c.Stdout = os.Stdout // the log, by which it is known
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func note(file string, value any) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err == nil {
		fmt.Fprintln(f, value)
		f.Close()
	}
}

func appHandler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/slow":
		d, _ := time.ParseDuration(r.URL.RawQuery)
		time.Sleep(d)
	case "/stream": // until a file is there
		_ = http.NewResponseController(w).Flush()
		for {
			if _, err := os.Stat("stream-end"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	case "/environ":
		fmt.Fprintln(w, strings.Join(os.Environ(), "\n"))
	case "/exit":
		os.Exit(5)
	default:
		fmt.Fprint(w, os.Getpid())
	}
	fmt.Fprint(w, "END")
}
