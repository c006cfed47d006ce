package cgiproxy

import (
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// chown gives a file, or a symbolic link, to another user.
func chown(t *testing.T, file string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	if err := os.Lchown(file, uid, -1); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsFileOfOthers(t *testing.T) {
	chmod := func(mode os.FileMode) func(*testing.T, string, string) {
		return func(t *testing.T, _, file string) {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, folder, file string)
		want string // in the log, "" for nothing
	}{
		{"600", chmod(0o600), ""},
		{"400", chmod(0o400), ""},
		{"640", chmod(0o640), ""},
		{"readable by others", chmod(0o644), "holds CGIPROXY_SECRET and others may read it: set its permissions to 600"},
		{"writable by the group", chmod(0o660), "has permissions 660: others may write to it: set its permissions to 600"},
		{"writable by others", chmod(0o602), "has permissions 602"},
		{"a stranger's", func(t *testing.T, _, file string) { chown(t, file, 65534) }, "belongs to user 65534, who is neither ours, user 0, nor the folder's: delete it"},
		{"of the folder's owner", func(t *testing.T, folder, file string) { chown(t, file, 65534); chown(t, folder, 65534) }, ""},
		{"a link of our own", func(t *testing.T, _, file string) { link(t, file, 0) }, ""},
		{"a stranger's link", func(t *testing.T, _, file string) { link(t, file, 65534) }, "is a symbolic link of user 65534, not of ours, user 0"},
		{"a pipe that never ends", func(t *testing.T, _, file string) {
			if err := errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "is no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			file := writeFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET=hunter2\n")
			tt.make(t, folder, file)
			cfg, warnings, err := loadConfig(nil, folder)
			switch {
			case tt.want == "" || strings.HasPrefix(tt.want, "holds"):
				if err != nil || cfg.Secret != "hunter2" {
					t.Fatalf("got secret %q and error %v", cfg.Secret, err)
				}
				if got := strings.Join(warnings, "\n"); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("got warnings %q, want %q", got, tt.want)
				}
			default:
				wantFailure(t, err, 500)
				wantText(t, err.Error(), file+" "+tt.want)
				if cfg.Secret != "" || cfg.Upstream.address != "" {
					t.Errorf("a setting of the file counts: %+v", cfg)
				}
			}
		})
	}
}

// link replaces a file by a symbolic link to it that belongs to uid.
func link(t *testing.T, file string, uid int) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.Rename(file, target), os.Symlink(target, file)); err != nil {
		t.Fatal(err)
	}
	chown(t, file, uid)
}

// The files that settings name are held to the same rule: a link to a file that
// only we may read would show it to the world, and who writes a certificate
// authority can be the app.
func TestNamedFileOfOthers(t *testing.T) {
	pipe := func(t *testing.T, file string) {
		if err := errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, file string)
		want string // in the log, "" for nothing
	}{
		{"600", func(*testing.T, string) {}, ""},
		{"644", func(t *testing.T, file string) { os.Chmod(file, 0o644) }, ""},
		{"a link of our own", func(t *testing.T, file string) { link(t, file, 0) }, ""},
		{"a stranger's link", func(t *testing.T, file string) { link(t, file, 65534) }, "is a symbolic link of user 65534"},
		{"a stranger's", func(t *testing.T, file string) { chown(t, file, 65534) }, "belongs to user 65534, who is neither ours, user 0, nor the folder's: delete it"},
		{"writable by others", func(t *testing.T, file string) { os.Chmod(file, 0o666) }, "has permissions 666: others may write to it: set its permissions to 600"},
		{"a pipe", pipe, "is no regular file"},
		{"too large", func(t *testing.T, file string) { os.Truncate(file, 3<<20) }, "is over"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := writeFile(t, t.TempDir(), "page.html", "the owner's page")
			tt.make(t, page)
			w, logged := showError(t, visit("HTTP_ACCEPT=text/html"), configure(t, "ERROR_PAGE="+page), badGateway(errors.New("x"), ""))
			if shown := strings.Contains(w.Body.String(), "the owner's page"); shown != (tt.want == "") {
				t.Errorf("ERROR_PAGE shown: %t", shown)
			}
			checkNamedFile(t, "ERROR_PAGE", logged, page, tt.want)

			ca := writeFile(t, t.TempDir(), "ca.pem", testCA(t))
			tt.make(t, ca)
			cfg := configure(t, "UPSTREAM=https://127.0.0.1:6543", "TLS_CA="+ca)
			logged = ""
			if _, err := tlsSettings(cfg); err != nil {
				err = connectFailure(err, cfg)
				wantFailure(t, err, 500)
				logged = err.Error()
			}
			checkNamedFile(t, "TLS_CA", logged, ca, tt.want)
		})
	}
}

func checkNamedFile(t *testing.T, setting, logged, file, want string) {
	t.Helper()
	if want != "" {
		wantText(t, logged, "CGIPROXY_"+setting, file+" "+want)
	} else if logged != "" {
		t.Errorf("%s: logged %q", setting, logged)
	}
}

// testCA returns a certificate in PEM form.
func testCA(t *testing.T) string {
	t.Helper()
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
}

// In FastCGI a file that has been refused is looked at again, for chmod does not
// change its time.
func TestSettingsFileMended(t *testing.T) {
	folder := t.TempDir()
	file := writeFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\n")
	long := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chmod(file, 0o666), os.Chtimes(file, long, long)); err != nil {
		t.Fatal(err)
	}
	sites := newSites(folder, nil)
	defer sites.close()
	if s := sites.site(nil); s.err == nil {
		t.Fatal("a file that all may write to is taken")
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := sites.site(nil); s.err != nil {
		t.Errorf("after chmod 600: %v", s.err)
	}
}
