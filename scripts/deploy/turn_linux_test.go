package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestTwoAtOnce has two people deploy a site at the same time: who is told that it
// works has it whole, and the other one is told that he was not alone.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	h := &cutHost{host: newHost(t, hosting.VsftpdPlain)}
	versions := []version{newVersion(t, "a"), newVersion(t, "b")}
	for _, v := range versions {
		more := map[string]string{}
		for i := range 20 {
			more[fmt.Sprintf("more-%d.txt", i)] = strings.Repeat(v.page, 100<<10)
		}
		writeFiles(t, v.folder, more)
	}
	var ended []version // with success, in their order
	type end struct {
		version
		out string
		ok  bool
	}
	ends := make(chan end)
	for _, v := range versions {
		cmd := h.command(h.target(), "--upstream", v.port, "--app", v.folder, "--binary", v.binary)
		go func() {
			out, err := cmd.CombinedOutput()
			ends <- end{v, string(out), err == nil}
		}()
	}
	for range versions {
		switch e := <-ends; {
		case e.ok:
			ended = append(ended, e.version)
		case !strings.Contains(e.out, errUnderWay.Error()):
			t.Errorf("the deploy of %s:\n%s", e.page, e.out)
		}
	}
	if ended == nil {
		return // each has seen the other: nothing is deployed, and both say so
	}
	v := ended[len(ended)-1]
	for name, text := range h.files(t, "app") {
		if name != stateFolder && name != install.HtaccessFile && strings.Trim(text, v.page) != "" {
			t.Errorf("%s is not of the deploy of %s, but %.20q", name, v.page, text)
		}
	}
	if _, body := h.page(t, "/"); body != v.page {
		t.Errorf("the page is %.100q, want %q", body, v.page)
	}
	if left, _ := filepath.Glob(filepath.Join(h.Home, "public_html", tempPrefix+"*")); left != nil {
		t.Errorf("left are %q", left)
	}
}

// TestTakenForDead has another run remove what this one is uploading: that is said, and
// not what the server says to it.
func TestTakenForDead(t *testing.T) {
	h := newCutHost(t)
	h.cut.OnCommand(func(line string) {
		if strings.HasPrefix(line, "STOR /public_html/"+tempPrefix) && !strings.Contains(line, "beat") {
			for _, folder := range h.left() {
				os.RemoveAll(folder)
			}
		}
	})
	if out, status := h.deploy(t, newVersion(t, "a")); status != 1 || !strings.Contains(out, errLost.Error()) {
		t.Errorf("exit status %d, want %q:\n%s", status, errLost, out)
	}
	h.wantPage(t, "the old site")
}
