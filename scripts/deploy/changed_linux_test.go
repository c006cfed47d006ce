package main

import (
	"context"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
)

// TestChangedMeanwhile has the owner, or the host's panel, change a file while a
// deploy is at it: that is not lost, and said.
func TestChangedMeanwhile(t *testing.T) {
	h := newCutHost(t)
	old, next := newVersion(t, "a"), newVersion(t, "b")
	if out, status := h.deploy(t, old); status != 0 {
		t.Fatal(out)
	}
	for _, c := range []struct {
		name    string
		file    string
		command string // before which it happens
		want    string
	}{
		{"rules, while the app comes", ".htaccess", "STOR /app/.proxycgi-deploy/new", "has been changed on the host just now, and stays so: run this again; the site is as it was"},
		{"settings, while the app comes", ".htcgiproxy", "STOR /app/.proxycgi-deploy/new", "has been changed on the host just now, and stays so: run this again; the site is as it was"},
		{"rules, between two files of the app", ".htaccess", "RNTO /app/same.txt", "\nwhat was there before is back"},
		{"settings, between two files of the app", ".htcgiproxy", "RNTO /app/same.txt", "\nwhat was there before is back"},
		{"settings, after they have been replaced", ".htcgiproxy", "RNTO /public_html/proxy.cgi", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.files(t, "public_html")
			theirs := "# of another\n" + before[c.file]
			h.cut.OnCommand(func(line string) {
				if strings.HasPrefix(line, c.command) {
					h.WriteFile(t, "public_html/"+c.file, theirs, 0o644)
				}
			})
			out, status := h.deploy(t, next)
			h.cut.OnCommand(nil)
			if (status == 1) != (c.want != "") || !strings.Contains(out, c.want) || c.want != "" && !strings.Contains(out, "public_html/"+c.file+" has been changed on the host just now, and stays so") {
				t.Errorf("exit status %d, want %q:\n%s", status, c.want, out)
			}
			if got := h.files(t, "public_html")[c.file]; got != theirs {
				t.Errorf("%s is %q, want %q", c.file, got, theirs)
			}
			h.WriteFile(t, "public_html/"+c.file, before[c.file], 0o600)
			if c.file == ".htaccess" {
				h.WriteFile(t, "public_html/"+c.file, before[c.file], 0o644)
			}
			if err := h.isWhole(t, old); status == 1 && err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChangedBeforeUndo has them do so before a deploy is taken back.
func TestChangedBeforeUndo(t *testing.T) {
	h := newCutHost(t)
	v := newVersion(t, "a")
	const theirs = "# of another\n"
	askLive = func(context.Context, live.Options) []finding.Finding {
		h.WriteFile(t, "public_html/.htaccess", theirs, 0o644)
		return []finding.Finding{{Check: "reach", Level: finding.Fault, Text: "fails"}}
	}
	out, status := h.deploy(t, v)
	if want := "but public_html/.htaccess has been changed on the host just now, and stays so"; status != 1 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
	if got := h.files(t, "public_html"); len(got) != 2 || got[".htaccess"] != theirs {
		t.Errorf("left are %q", got)
	}
}
