//go:build linux

package webserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Stop ends what the server started, also what has left its session, and says
// so.
func TestStop(t *testing.T) {
	// The response has its end, and a process id, once the session is left.
	const daemon = `#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' </dev/null &
`
	for _, kind := range CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := Start(kind, Options{})
			Need(t, err)
			s.WriteFile(t, ".htaccess", rules, 0o644)
			s.WriteFile(t, "proxy.cgi", daemon, 0o755)
			_, pid := get(t, s.URL)
			traces := tracesOf(s)
			err = s.Stop()
			if err == nil || !strings.Contains(err.Error(), "process "+strings.TrimSpace(pid)+" outlived") {
				t.Errorf("got error %v, want one that names process %s", err, pid)
			}
			if err := s.Stop(); err != nil {
				t.Errorf("a second Stop: %v", err)
			}
			traces.awaitGone(t)
			for _, folder := range append(traces.Folders, s.Root) {
				if _, err := os.Stat(folder); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", folder, err)
				}
			}
		})
	}
}

// A server's traces are what its processes are found by.
type serverTraces struct {
	Sessions []int
	Folders  []string
}

func tracesOf(s *Server) (traces serverTraces) {
	for _, p := range s.processes {
		traces.Sessions = append(traces.Sessions, p.pid)
	}
	traces.Folders = slices.Clone(s.folders)
	return traces
}

func (traces serverTraces) awaitGone(t *testing.T) {
	t.Helper()
	var left map[int]string
	for deadline := time.Now().Add(helpTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if left = leftovers(traces.Sessions, traces.Folders); len(left) == 0 {
			return
		}
	}
	t.Errorf("processes left: %v", left)
}

// A server ends with the test binary, however that dies: this test starts
// itself anew, to be killed.
func TestKilled(t *testing.T) {
	if kind := os.Getenv("WEBSERVER_TEST_KIND"); kind != "" {
		s, err := Start(Kind(kind), Options{})
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(tracesOf(s))
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // until killed
	}
	for _, kind := range CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := Start(kind, Options{})
			Need(t, err)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			testKilled(t, kind)
		})
	}
}

func testKilled(t *testing.T, kind Kind) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "WEBSERVER_TEST_KIND="+string(kind))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var traces serverTraces
	decodeErr := json.NewDecoder(stdout).Decode(&traces)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	if decodeErr != nil {
		t.Fatal(decodeErr)
	}
	if len(traces.Sessions) == 0 || len(traces.Folders) == 0 {
		t.Fatalf("no traces of the server: %+v", traces)
	}
	traces.awaitGone(t)
	for _, folder := range traces.Folders {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}
}

// An error of Start holds the server's own words.
func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()

	tests := []struct {
		name, want string
		kind       Kind
		config     string
	}{
		{"apache syntax", "Invalid command 'nonsense'", ApacheEvent, "nonsense"},
		{"lighttpd syntax", "parser failed", LighttpdCGI, "nonsense"},
		{"nginx syntax", `unknown directive "nonsense"`, NginxFcgiwrap, "nonsense;"},
		{"apache port", errAddrInUse.Error(), ApacheEvent, "Listen " + addr},
		{"lighttpd port", errAddrInUse.Error(), LighttpdCGI, fmt.Sprintf(`$SERVER["socket"] == %q {}`, addr)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Start(tt.kind, Options{Config: tt.config})
			if err == nil {
				t.Fatalf("started all the same; stop: %v", s.Stop())
			}
			if errors.Is(err, ErrUnavailable) {
				Need(t, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}
