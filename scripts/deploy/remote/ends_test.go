package remote

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

const (
	lineOf   = "-rw-r--r--    1 me       me             12 Nov 28 03:13 "
	wholeOne = lineOf + ".htaccess\r\n" + lineOf + "index.html\r\n"
)

// TestListEnds has lists that are cut short, and those that only look so: a file
// that is missing from one would count as not there.
func TestListEnds(t *testing.T) {
	whole := transferred{text: wholeOne}
	plain := transferred{text: wholeOne, plain: true}
	for _, c := range []struct {
		name, scheme string
		transfers    []transferred
		lists        int // how often it is asked for
	}{
		{"whole", "ftps", []transferred{whole}, 1},
		{"without TLS", "ftp", []transferred{whole}, 1},
		{"a server that never sends close_notify", "ftps", []transferred{plain}, 2},
		{"cut after the first line", "ftps", []transferred{{text: lineOf + "index.html\r\n", plain: true}, plain}, 4},
		{"cut before the first line", "ftps", []transferred{{plain: true}, plain}, 4},
		{"cut within a record", "ftps", []transferred{{text: lineOf + "index.html\r\n", torn: true}, whole}, 2},
		{"cut within a name", "ftp", []transferred{{text: lineOf + ".htacc"}, whole}, 2},
		{"cut within a name, under TLS", "ftps", []transferred{{text: lineOf + ".htacc", plain: true}, whole}, 2},
		{"426", "ftp", []transferred{{text: lineOf + "index.html\r\n", reply: "426 the data connection is lost"}, whole}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scriptedServer{transfers: c.transfers}
			h, err := s.start(t, c.scheme)
			if err != nil {
				t.Fatal(err)
			}
			list, err := h.List("public_html")
			if err != nil || len(list) != 2 || list[0].Name != ".htaccess" {
				t.Errorf("%+v, %v, want both files", list, err)
			}
			if n := s.count("LIST"); n != c.lists {
				t.Errorf("LIST is sent %d times, want %d", n, c.lists)
			}
		})
	}
}

// TestTooLong has servers that do not stop: that is said, not tried again, and the
// connection after it is a new one.
func TestTooLong(t *testing.T) {
	list := func(h Host) error { _, err := h.List("public_html"); return err }
	read := func(h Host) error { _, err := h.Read("app.log", 0, 8<<10); return err }
	for _, c := range []struct {
		name, scheme string
		server       *scriptedServer
		ask          func(Host) error
		command      string
	}{
		{"a line of a list", "ftp", &scriptedServer{size: "1", transfers: []transferred{{more: "x"}}}, list, "LIST"},
		{"lines of a list", "ftps", &scriptedServer{size: "1", transfers: []transferred{{more: lineOf + "a\r\n"}}}, list, "LIST"},
		{"a file that is longer than its size", "ftps", &scriptedServer{size: "12", transfers: []transferred{{more: "x"}}}, read, "RETR"},
		{"a file that is too long", "ftp", &scriptedServer{size: "123456789"}, read, "SIZE"},
		{"a reply", "ftps", &scriptedServer{size: strings.Repeat("1", 64<<10)}, read, "SIZE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := c.server.start(t, c.scheme)
			if err != nil {
				t.Fatal(err)
			}
			err = c.ask(h)
			if n := c.server.count(c.command); !errors.Is(err, ErrTooLong) || errors.Is(err, errBroken) || n != 1 {
				t.Errorf("got %.200v, want %v; %s is sent %d times", err, ErrTooLong, c.command, n)
			}
			if err := h.Mkdir("a folder", 0o755); err != nil {
				t.Errorf("the next command: %v", err)
			}
		})
	}
	for _, c := range []struct{ name, greeting, endless string }{
		{"a line of the first reply", "", "x"},
		{"lines of the first reply", "220-rules\r\n", "no cats\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scriptedServer{greeting: c.greeting, endless: c.endless}
			if _, err := s.start(t, "ftp"); !errors.Is(err, ErrTooLong) || errors.Is(err, errBroken) {
				t.Errorf("got %v, want %v", err, ErrTooLong)
			}
		})
	}
}

// TestNewFolder makes one that is not there, and asks for it in vain not even once.
func TestNewFolder(t *testing.T) {
	s := &scriptedServer{}
	h, err := s.start(t, "ftp")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Mkdir("a folder", 0o755); err != nil {
		t.Fatal(err)
	}
	if mkd, cwd := s.count("MKD"), s.count("CWD"); mkd != 1 || cwd != 0 {
		t.Errorf("MKD is sent %d times, CWD %d times", mkd, cwd)
	}
}

// TestGoneWhileMoved moves a file that is gone between the two commands of it, as the
// journal of a database may be: it is not there, and the folder is not at fault.
func TestGoneWhileMoved(t *testing.T) {
	const no, file, folder = "550 no", "213 12", "250 done"
	for _, c := range []struct {
		name, size, cwd string
		isGone          bool
	}{
		{"gone", no, no, true},
		{"a file that is there", file, no, false},
		{"a folder that is there", no, folder, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scriptedServer{replies: map[string]string{"RNFR": "350 go on", "RNTO": no, "SIZE": c.size, "CWD": c.cwd}}
			h, err := s.start(t, "ftp")
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Rename("a", "b"); errors.Is(err, fs.ErrNotExist) != c.isGone || strings.Contains(err.Error(), "does the folder exist") == c.isGone {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDiskFull has what servers say of a disk or quota that is full.
func TestDiskFull(t *testing.T) {
	for _, reply := range []string{"452 no space", "552 over quota", "451 Failure writing to local file."} {
		s := &scriptedServer{replies: map[string]string{"STOR": reply}}
		h, err := s.start(t, "ftp")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Write("a", []byte("x"), 0o644, func(int) {}); err == nil || !strings.Contains(err.Error(), "free some space or quota") {
			t.Errorf("%s: %v", reply, err)
		}
	}
}

// TestNoChmod has a server that gives a file no permissions, for either reason.
func TestNoChmod(t *testing.T) {
	h, err := (&scriptedServer{replies: map[string]string{"SITE": "550 no such file"}}).start(t, "ftp")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "must know SITE CHMOD", `a "b"`: "takes quotation marks out"} {
		if err := h.Chmod(name, 0o644); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
