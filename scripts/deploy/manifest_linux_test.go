package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestManifestPaths reads a manifest that somebody else may have written.
func TestManifestPaths(t *testing.T) {
	const refused = "no file below the app's folder"
	for _, c := range []struct{ path, want string }{
		{"app.py", ""},
		{"templates/home..html", ""},
		{".well-known/x", ""},
		{"../rootonly/conf", refused},
		{"templates/../../conf", refused},
		{"..", refused},
		{".", refused},
		{"", refused},
		{"/etc/passwd", refused},
		{"templates//home.html", refused},
	} {
		for _, form := range []string{
			`{"files": {"a": {}, "PATH": {}}}`,
			`{"files": {}, "last": [{"path": "a", "new": {}}, {"path": "PATH", "old": {}}]}`,
			`{"files": {}, "aside": [{"name": "aside-RUN-0", "path": "PATH"}]}`,
			`{"files": {}, "former": {"files": {"PATH": {}}}}`,
			`{"files": {}, "former": {"files": {}, "last": [{"path": "PATH", "new": {}}]}}`,
		} {
			text := strings.ReplaceAll(form, "PATH", c.path)
			t.Run(text, func(t *testing.T) { opensManifest(t, text, c.want) })
		}
	}
}

// TestManifestRun has names of a run, which become parts of paths.
func TestManifestRun(t *testing.T) {
	const refused = "no name of a run"
	for _, c := range []struct{ run, want string }{
		{"ABCDEFGHIJ", ""},
		{"run-2", ""},
		{"", ""}, // nothing has been deployed by then
		{"/../../../www/x", refused},
		{"..", refused},
		{"a/b", refused},
		{`a\\b`, refused},
		{"a\\r\\nDELE b", refused},
	} {
		for _, form := range []string{
			`{"run": "RUN", "files": {}, "last": [{"path": "a", "new": {}}]}`,
			`{"files": {}, "former": {"run": "RUN", "files": {}}}`,
		} {
			text := strings.ReplaceAll(form, "RUN", c.run)
			t.Run(text, func(t *testing.T) { opensManifest(t, text, c.want) })
		}
	}
}

// TestManifestAside has names of files that are to be removed.
func TestManifestAside(t *testing.T) {
	const refused = "no file that has been moved aside"
	for _, c := range []struct{ name, want string }{
		{"aside-ABCDEFGHIJ-0", ""},
		{"aside-ABCDEFGHIJ-12++", ""},
		{"manifest.json", refused},
		{"../app.py", refused},
		{"aside-/../../../www/x", refused},
		{"", refused},
	} {
		text := fmt.Sprintf(`{"files": {}, "aside": [{"name": %q, "path": "a"}]}`, c.name)
		t.Run(text, func(t *testing.T) { opensManifest(t, text, c.want) })
	}
}

// A manifest of which parts are missing is none to go on with.
func TestManifestMissing(t *testing.T) {
	for text, want := range map[string]string{
		`{"files": null}`:                        "no list of files",
		`{"files": {}, "last": [{"path": "a"}]}`: `what was done to "a"`,
		`{"files": {}, "former": {}}`:            "no list of files",
		`{"files": `:                             "unexpected end",
	} {
		t.Run(text, func(t *testing.T) { opensManifest(t, text, want) })
	}
}

func opensManifest(t *testing.T, text, want string) {
	t.Helper()
	target, err := remote.ParseTarget(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host, err := target.Open("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Mkdir(target.Folder+"/"+stateFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(host, target.Folder+"/"+stateFolder+"/manifest.json", []byte(text), 0o600, meter{}); err != nil {
		t.Fatal(err)
	}
	_, err = openApp(host, target.Folder)
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// refusesManifest deploys where the manifest leads out of the app's folder: it
// is said, and nothing is written.
func refusesManifest(t *testing.T, h *host, target string) {
	t.Helper()
	const manifest = `{"number": 1, "files": {}, "last": [{"path": "../logs/conf", "old": {"size": 1}, "new": {"size": 1}}], "former": {"files": {}}}`
	app := t.TempDir()
	if err := os.WriteFile(filepath.Join(app, "app.py"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.Mkdir(t, "app")
	h.Mkdir(t, "app/"+stateFolder)
	h.WriteFile(t, "app/"+stateFolder+"/manifest.json", manifest, 0o600)
	h.WriteFile(t, "app/"+stateFolder+"/old-1-0", "another", 0o644)
	h.WriteFile(t, "logs/conf", "mine", 0o644)
	folders := []string{"app", "app/" + stateFolder, "logs", "public_html"}
	before := map[string]map[string]string{}
	for _, folder := range folders {
		before[folder] = h.files(t, folder)
	}
	for _, args := range [][]string{{"--upstream", "6543", "--app", app}, {"--rollback"}, {"--status"}} {
		out, status := h.deployTo(t, target, args...)
		if want := `manifest.json: "../logs/conf" is no file below the app's folder`; status != 1 || !strings.Contains(out, want) {
			t.Errorf("%q: exit status %d, want %q:\n%s", args, status, want, out)
		}
		for _, folder := range folders {
			now := h.files(t, folder)
			delete(now, "error_log") // which is the web server's
			delete(before[folder], "error_log")
			sameFiles(t, now, before[folder])
		}
	}
}
