package remote

import (
	"io/fs"
	"testing"
)

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Entry
	}{
		{"vsftpd", "-rwxr-xr-x    1 1000     1000      7340032 Nov 28 03:13 proxy.cgi", Entry{"proxy.cgi", 7340032, 0o755}},
		{"a name with blanks", "-rw-------   1 me       me             12 Jan  1  2025  a b ", Entry{" a b ", 12, 0o600}},
		{"a folder", "drwxr-xr-x    2 1000     1000         4096 Nov 28 03:13 app", Entry{"app", 4096, fs.ModeDir | 0o755}},
		{"a link", "lrwxrwxrwx    1 1000     1000            3 Nov 28 03:13 www -> public_html", Entry{"www", 3, fs.ModeSymlink | 0o777}},
		{"more than permissions", "-rwSr-sr-t+   1 1000     1000            3 Nov 28 03:13 x", Entry{"x", 3, 0o655}},
		{"of Windows", "11-28-26  03:13AM       <DIR>          app", Entry{}},
		{"of nothing", "-rw-r--r--", Entry{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := parseList(c.line)
			if ok != (c.want.Name != "") || ok && got != c.want {
				t.Errorf("%q is %+v, %v, want %+v", c.line, got, ok, c.want)
			}
		})
	}
}

// FuzzReplies has what a server may say.
func FuzzReplies(f *testing.F) {
	f.Add("Entering Extended Passive Mode (|||6446|)")
	f.Add("Entering Passive Mode (127,0,0,1,25,46).")
	f.Add("-rw-r--r--    1 1000     1000          123 Nov 28 03:13 a -> b")
	f.Fuzz(func(t *testing.T, text string) {
		epsvPort(text)
		if port := pasvPort(text); text == "Entering Passive Mode (127,0,0,1,25,46)." && port != 6446 {
			t.Errorf("port %d", port)
		}
		if e, ok := parseList(text); ok && e.Name == "" {
			t.Errorf("%q has no name", text)
		}
	})
}
