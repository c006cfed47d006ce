//go:build linux

package ondemand

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Files of requests that a backup has brought back are removed by who has the lock,
// and not the one that a request holds.
func TestForgetOthers(t *testing.T) {
	t.Parallel()
	const first, last, stopping = usePrefix + "0", usePrefix + "f", stoppingPrefix + "1"
	for _, tt := range []struct {
		name   string
		oldest []string // first
		held   string
		want   string
	}{
		{"one", []string{last}, "", last},
		{"the newest", []string{last, first}, "", first},
		{"held, the oldest", []string{first, last}, first, first},
		{"held, the newest", []string{last, first}, first, first},
		{"held and closed", []string{stopping, first, last}, stopping, stopping},
		{"closed is old", []string{stopping, first}, "", first},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := folder(t.TempDir())
			for i, name := range tt.oldest {
				if err := os.WriteFile(f.file(name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				at := time.Now().Add(time.Duration(i-10) * time.Hour)
				if err := os.Chtimes(f.file(name), at, at); err != nil {
					t.Fatal(err)
				}
			}
			if tt.held != "" {
				fd, err := f.use(tt.held, false)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
			}
			lock, err := f.lock()
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if left, err := f.uses(); err != nil || !slices.Equal(left, []string{tt.want}) {
				t.Errorf("left are %q, want %q, %v", left, tt.want, err)
			}
		})
	}
}

// A backup of the app's folder is put back while a request is under way: the next
// restart waits for that all the same.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	for _, name := range []string{usePrefix + "0000000000000000", usePrefix + "ffffffffffffffff"} {
		s := newSite(t, "")
		s.write("drain-limit", "1m")
		s.answered("/")
		stream := make(chan error, 1)
		go func() {
			_, err := s.get(t.Context(), "/stream")
			stream <- err
		}()
		eventually(t, "the stream is under way", s.inUse)
		s.write(".cgiproxy/"+name, "")
		s.restart()
		next := s.process("/")
		var warnings strings.Builder
		next.Stderr = &warnings
		if err := next.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the gate is closed", s.isStopping)
		s.write("stream-end", "")
		if err, cut := next.Wait(), <-stream; err != nil || cut != nil {
			t.Errorf("%s: next %v; the stream %v; %s", name, err, cut, warnings.String())
		}
		if n := len(s.starts()); n != 2 {
			t.Errorf("%s: %d starts, want 2", name, n)
		}
	}
}

// A request that finds its file locked, as "app retire" may have it, waits for that
// with pauses.
func TestLockedGate(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	before := s.answered("/")
	gate, err := s.folder().closeGate()
	if err == nil {
		_, err = gate.empty()
	}
	if err == nil {
		err = s.folder().openGate(s.nameNow())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.write("kill-at", "settled/200") // which takes 20 s with pauses
	next := s.process("/")
	time.AfterFunc(time.Second, func() { gate.Close() })
	if after, err := next.Output(); err != nil || string(after) != before {
		t.Errorf("process %s, then %s, %v", before, after, err)
	}
}

// Nor does the watcher take the files of a backup for those of the requests.
func TestRestoredBackupWatched(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	stream := make(chan error, 1)
	go func() {
		_, err := s.get(t.Context(), "/stream")
		stream <- err
	}()
	eventually(t, "the stream is under way", s.inUse)
	s.write(".cgiproxy/"+usePrefix+"0000000000000000", "")
	s.write(".cgiproxy/"+usePrefix+"ffffffffffffffff", "")
	eventually(t, "the files of the backup are gone", func() bool {
		left, err := s.folder().uses()
		return err == nil && len(left) == 1
	})
	s.write("stream-end", "")
	if err := <-stream; err != nil || len(s.starts()) != 1 {
		t.Errorf("the stream: %v; %d starts, want 1", err, len(s.starts()))
	}
}

// Locks on NFS are EBADF where the file is not open to read, or for one that is not
// shared to write.
func TestLockableOnNFS(t *testing.T) {
	t.Parallel()
	f := folder(t.TempDir())
	if err := f.openGate(usePrefix + "0"); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (int, error){
		"a request":         func() (int, error) { return f.use(usePrefix+"0", true) },
		"one that holds it": func() (int, error) { return f.openToHold(usePrefix + "0") },
	} {
		fd, err := open()
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if unix.Close(fd); err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
			t.Errorf("%s: flags %#x, want that it is open to read and write, %v", name, flags, err)
		}
	}
}

// A file of the requests that cannot be locked holds up none of them.
func TestUnusableGate(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.IdleStop = time.Hour
	before := s.answered("/")
	gate, err := s.folder().findUse()
	if err := errors.Join(err, os.Remove(s.folder().file(gate)), os.Mkdir(s.folder().file(gate), 0o700)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), s.timeout())
	defer cancel()
	if pid, err := s.get(ctx, "/"); err != nil || pid != before {
		t.Errorf("process %s, then %s, %v", before, pid, err)
	}
	select {
	case line := <-s.warn:
		if !strings.Contains(line, "no restart") || !strings.Contains(line, gate) {
			t.Error(line)
		}
	default:
		t.Error("no warning")
	}
}
