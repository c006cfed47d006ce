package remote

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/internal/hosting"
)

// open connects to a server as an account.
func open(t *testing.T, s *hosting.Server, a *hosting.Account) Host {
	t.Helper()
	target := &Target{Scheme: s.Scheme, Host: s.Addr, User: a.Name, Insecure: true, TLS: s.TLS(t)}
	if s.KnownHosts != "" {
		known, err := os.ReadFile(s.KnownHosts)
		if err != nil {
			t.Fatal(err)
		}
		setKnownHosts(t, known)
	}
	h, err := target.Open(a.Password, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// TestHosts does the same things on each kind of host.
func TestHosts(t *testing.T) {
	a := hosting.NewAccount(t)
	for _, k := range hosting.Kinds {
		t.Run(string(k), func(t *testing.T) {
			h := open(t, hosting.Start(t, k, a), a)
			a.Mkdir(t, "public_html")
			testHost(t, h, "public_html/"+string(k))
			testRefused(t, h, a)
			testReal(t, h, a)
			testDangling(t, h, a)
			testLink(t, h, "public_html/", k == hosting.SSH)
			testTouch(t, h, "public_html/old", a.Home)
		})
	}
	t.Run("folder", func(t *testing.T) {
		testHost(t, folder{}, filepath.Join(t.TempDir(), "a"))
		testLink(t, folder{}, t.TempDir()+"/", true)
		testTouch(t, folder{}, filepath.Join(t.TempDir(), "old"), "")
	})
}

// testRefused asks for what a login may not do with files that are there: none of
// them is not there.
func testRefused(t *testing.T, h Host, a *hosting.Account) {
	t.Helper()
	const dir = "public_html/root's"
	a.Mkdir(t, dir)
	at := filepath.Join(a.Home, dir)
	if err := errors.Join(os.WriteFile(filepath.Join(at, "secret"), []byte("x"), 0o600), os.Chown(at, 0, 0)); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(name string) error{
		"read":   func(name string) error { _, err := h.Read(name, 0, 100); return err },
		"rename": func(name string) error { return h.Rename(name, name+"2") },
		"remove": func(name string) error { return h.Remove(name) },
	} {
		if err := do(dir + "/secret"); err == nil || errors.Is(err, fs.ErrNotExist) || IsBroken(err) {
			t.Errorf("%s what is root's: %v", name, err)
		}
		if err := do(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s what is not there: %v", name, err)
		}
	}
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
}

// testReal has a link and what it leads to, which are one folder.
func testReal(t *testing.T, h Host, a *hosting.Account) {
	t.Helper()
	a.Mkdir(t, "domains/shop")
	link := filepath.Join(a.Home, "public_html/link")
	if err := os.Symlink("../domains/shop", link); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(link)
	byLink, err := h.Real("public_html/link")
	real, err2 := h.Real("domains/shop")
	if err := errors.Join(err, err2); err != nil || byLink != real || !path.IsAbs(real) || path.Base(real) != "shop" {
		t.Errorf("a link leads to %q, and not to %q: %v", byLink, real, err)
	}
	if _, err := h.Real("none/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// testDangling has a link out of what the login sees, or to what is there no more.
func testDangling(t *testing.T, h Host, a *hosting.Account) {
	t.Helper()
	if err := os.Symlink("/of/another/root", filepath.Join(a.Home, "public_html/dangling")); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(filepath.Join(a.Home, "public_html/dangling"))
	if list, err := h.List("public_html/dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a link that leads nowhere there is %v, %v", list, err)
	}
	list, err := h.List("public_html")
	if !slices.ContainsFunc(list, func(e Entry) bool { return e.Name == "dangling" && e.Mode&fs.ModeSymlink != 0 }) {
		t.Errorf("it is not listed as a link: %v, %v", list, err)
	}
}

// testLink gives a file a second name, which FTP cannot.
func testLink(t *testing.T, h Host, dir string, can bool) {
	t.Helper()
	if err := h.Write(dir+"one", []byte("x"), 0o644, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for _, isFree := range []bool{true, false} {
		if err := h.Link(dir+"one", dir+"two"); (err == nil) != (can && isFree) || errors.Is(err, errBroken) {
			t.Errorf("a second name that is free, %v: %v", isFree, err)
		}
	}
	if text, err := h.Read(dir+"two", 0, 100); can && (err != nil || string(text) != "x") {
		t.Errorf("by its second name it is %q, %v", text, err)
	}
	h.Remove(dir + "one")
	h.Remove(dir + "two")
}

// testTouch gives an old file the time of now, and what is not there none.
func testTouch(t *testing.T, h Host, name, home string) {
	t.Helper()
	if err := h.Write(name, []byte("x"), 0o644, func(int) {}); err != nil {
		t.Fatal(err)
	}
	defer h.Remove(name)
	file, now := filepath.Join(home, name), time.Now().Truncate(time.Second)
	if err := os.Chtimes(file, now, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := h.Touch(name); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.ModTime().Before(now) {
		t.Errorf("its time is %v, %v, want %v or later", info.ModTime(), err, now)
	}
	if err := h.Touch(name + "er"); err == nil || IsBroken(err) {
		t.Errorf("what is not there: %v", err)
	}
}

func testHost(t *testing.T, h Host, dir string) {
	if _, err := h.List(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	for range 2 {
		if err := h.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if e, ok := find(t, h, path.Dir(dir), path.Base(dir)); !ok || e.Mode != fs.ModeDir|0o700 {
		t.Errorf("a new folder is %+v", e)
	}
	big := make([]byte, 3<<20)
	rand.Read(big) // an upload as text would change it
	testWrite(t, h, dir, big)
	if tail, err := h.Read(dir+"/proxy.cgi", int64(len(big)-100), 100); err != nil || !bytes.Equal(tail, big[len(big)-100:]) {
		t.Errorf("the end: %d bytes, %v", len(tail), err)
	}
	if err := h.Rename(dir+"/a name with blanks", dir+"/.htcgiproxy"); err != nil {
		t.Errorf("in the place of another: %v", err)
	}
	if got, err := h.Read(dir+"/.htcgiproxy", 0, 4<<20); string(got) != "x" {
		t.Errorf("renamed is %q, %v", got, err)
	}
	for _, name := range []string{".htcgiproxy", "proxy.cgi", "empty"} {
		if err := h.Remove(dir + "/" + name); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Size(dir + "/proxy.cgi"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of what is not there: %v", err)
	}
	if _, err := h.Read(dir+"/proxy.cgi", 0, 4<<20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	if list, err := h.List(dir); len(list) != 0 || err != nil {
		t.Errorf("left are %v, %v", list, err)
	}
	if err := h.Rmdir(dir); err != nil {
		t.Error(err)
	}
	if _, ok := find(t, h, path.Dir(dir), path.Base(dir)); ok {
		t.Error("the folder is left")
	}
}

// testWrite writes files, the program big among them.
func testWrite(t *testing.T, h Host, dir string, big []byte) {
	t.Helper()
	for _, f := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
	}{
		{"proxy.cgi", big, 0o755},
		{".htcgiproxy", []byte("CGIPROXY_UPSTREAM=6543\r\n"), 0o600},
		{"a name with blanks", []byte("x"), 0o644},
		{"empty", nil, 0o644},
	} {
		name := dir + "/" + f.name
		told := 0
		tell := func(n int) { told += n }
		if err := h.Write(name, f.content, f.mode, tell); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		if told != len(f.content) {
			t.Errorf("%s: told of %d bytes of %d", f.name, told, len(f.content))
		}
		got, err := h.Read(name, 0, 4<<20)
		if err != nil || !bytes.Equal(got, f.content) {
			t.Errorf("%s: %d bytes, %v", f.name, len(got), err)
		}
		if size, err := h.Size(name); err != nil || size != int64(len(f.content)) {
			t.Errorf("%s: size %d, %v", f.name, size, err)
		}
		e, ok := find(t, h, dir, f.name)
		if !ok || e.Mode != f.mode || e.Size != int64(len(f.content)) {
			t.Errorf("%s is %+v, want permissions %03o", f.name, e, f.mode)
		}
	}
}

func find(t *testing.T, h Host, dir, name string) (Entry, bool) {
	t.Helper()
	list, err := h.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}
