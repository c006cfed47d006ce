package remote

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestFolderWrite writes where something is already: nothing of it gets what is
// written, neither another file by a link, nor who has the old one open.
func TestFolderWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(at, other string) error // other is a file elsewhere
	}{
		{"nothing", func(string, string) error { return nil }},
		{"a file", func(at, _ string) error { return os.WriteFile(at, []byte("old"), 0o644) }},
		{"a link", func(at, other string) error { return os.Symlink(other, at) }},
		{"a link to what is not there", func(at, other string) error { return os.Symlink(other+"-new", at) }},
		{"a second name", func(at, other string) error { return os.Link(other, at) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, other := filepath.Join(t.TempDir(), "at"), filepath.Join(t.TempDir(), "other")
			if err := os.WriteFile(other, []byte("other"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := c.begin(at, other); err != nil {
				t.Fatal(err)
			}
			before, err := os.Open(at)
			if err == nil {
				defer before.Close()
			}
			if err := (folder{}).Write(at, []byte("secret"), 0o600, func(int) {}); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(at); err != nil || info.Mode() != 0o600 {
				t.Errorf("it is %v, %v, want a file with permissions 600", info.Mode(), err)
			}
			if text, err := os.ReadFile(at); string(text) != "secret" {
				t.Errorf("it has %q, %v", text, err)
			}
			if text, err := os.ReadFile(other); string(text) != "other" {
				t.Errorf("the other file has %q, %v", text, err)
			}
			if _, err := os.Stat(other + "-new"); err == nil {
				t.Error("a file was made elsewhere")
			}
			if before != nil {
				if text, err := io.ReadAll(before); string(text) == "secret" {
					t.Errorf("who had the old file open reads %q, %v", text, err)
				}
			}
		})
	}
}
