package main

import (
	"io"
	"path"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// TestFilesDir has the app's files and START_DIR in one folder or two: each deploy brings
// the files to where START finds them, and restarts the app where proxy.cgi looks.
func TestFilesDir(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	for _, c := range []struct {
		name, startDir, start, appTo string
		app, restart                 string
		wantDir                      string // START_DIR, "" is as before
		want                         string // of an error
	}{
		{"one", "../app", "x", "", "app", "app/tmp/restart.txt", "", ""},
		{"two, as MANUAL has it", "/home/me/run", "cd /home/me/app && x", "", "app", "run/tmp/restart.txt", "", ""},
		{"two, relative", "../run", "cd ../app; x", "", "app", "run/tmp/restart.txt", "", ""},
		{"two, in quotes", "../run", `cd "/home/me/app" || exit; x`, "", "app", "run/tmp/restart.txt", "", ""},
		{"two, one in the other", "/home/me/app/run", "cd .. && x", "", "app", "app/run/tmp/restart.txt", "", ""},
		{"two, and --app-to", "/home/me/run", "cd /home/me/app && x", "app", "app", "run/tmp/restart.txt", "", ""},
		{"two, and --app-to a third", "/home/me/run", "cd /home/me/app && x", "app2", "", "", "",
			"with CGIPROXY_START_DIR=../app2 CGIPROXY_START goes to the folder /home/me/app, and would not find there what is brought to app2: "},
		{"by way of a virtualenv", "../run", "cd ../venv && . bin/activate && cd ../app && x", "", "app", "run/tmp/restart.txt", "", ""},
		{"by way of a virtualenv, and START alone says it", "", "cd ../venv && . bin/activate && cd ../app2 && x", "", "app2", "app2/tmp/restart.txt", "../app2", ""},
		{"and then to a folder of the app", "../run", "cd ../app && make; cd lib && x", "", "app", "run/tmp/restart.txt", "", ""},
		{"back to it", "../app", "cd lib && make; cd .. && x", "", "app", "app/tmp/restart.txt", "", ""},
		{"a folder of the app", "../app", "cd lib && x", "", "app", "app/tmp/restart.txt", "", ""},
		{"a folder of the app, absolute", "../app", "cd /home/me/app/lib && x", "", "app", "app/tmp/restart.txt", "", ""},
		{"what a shell makes of it", "../app", `cd "$HOME/app" && x`, "", "app", "app/tmp/restart.txt", "", ""},
		{"START alone says it", "", "cd /home/me/app2 && x", "", "app2", "app2/tmp/restart.txt", "../app2", ""},
		{"START alone says it, relative", "", "cd ../app2 && x", "", "app2", "app2/tmp/restart.txt", "../app2", ""},
		{"START alone says it, in the served folder", "", "cd /home/me/public_html/.app && x", "", "public_html/.app", "public_html/.app/tmp/restart.txt", ".app", ""},
		{"START alone says it, and would not from there", "", "cd ../app/lib && x", "", "", "", "",
			"with CGIPROXY_START_DIR=../app/lib CGIPROXY_START goes to the folder ../app/app/lib, and would not find there what is brought to app/lib: "},
		{"START_DIR is another, and START goes to that", "../app", "cd ../app && x", "app2", "", "", "",
			"with CGIPROXY_START_DIR=../app2 CGIPROXY_START goes to the folder ../app, and would not find there what is brought to app2: "},
		{"START says nothing", "", "cd lib && x", "", "app", "app/tmp/restart.txt", "../app", ""},
		{"both are said", "--start-dir /home/me/run", "/home/me/app/start", "app", "app", "run/tmp/restart.txt", "/home/me/run", ""},
		{"the files are not seen", "/home/me/run", "cd /srv/files && x", "", "", "", "", "how does FTP call the folder /srv/files of the host"},
		{"START_DIR is not seen", "/srv/run2", "cd /home/me/app && x", "", "", "", "", "the folder of CGIPROXY_START_DIR=/srv/run2 is not seen by this login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, home := thisHost(t)
			writeFiles(t, home, map[string]string{"public_html/x": "x", "app/run/x": "x", "app/lib/x": "x", "app2/x": "x", "run/x": "x", "public_html/.app/x": "x"})
			o := &options{target: &remote.Target{User: "me", Folder: "public_html"}, app: dir, appTo: c.appTo, dryRun: true}
			d := &deploy{options: o, host: rooted{here, home}, out: io.Discard, lines: []byte("CGIPROXY_START='" + c.start + "'\n")}
			if said, isFlag := strings.CutPrefix(c.startDir, "--start-dir "); isFlag {
				o.settings = []install.Assignment{{Name: "START_DIR", Value: said}}
			} else {
				d.lines = append(d.lines, "CGIPROXY_START_DIR="+c.startDir+"\n"...)
			}
			// What is there is of an earlier deploy.
			writeFiles(t, home, map[string]string{"app/" + stateFolder + "/x": "x", "app2/" + stateFolder + "/x": "x"})
			if _, err := d.planApp(); (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if c.want != "" {
				return
			}
			if p := d.findPlaces(); d.app.folder != c.app || p.restart != c.restart {
				t.Errorf("the app is in %s, and %s restarts it; want %s, %s", d.app.folder, p.restart, c.app, c.restart)
			}
			if c.wantDir == "" {
				c.wantDir = c.startDir
			}
			if got := d.setting("START_DIR"); got != c.wantDir {
				t.Errorf("START_DIR is %s, want %s", got, c.wantDir)
			}
		})
	}
}

// TestAppMoves names another folder for the app than the settings on the host do: that
// is then where the app is started, and what they said before is not replaced without a word.
func TestAppMoves(t *testing.T) {
	host, home := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	writeFiles(t, home, map[string]string{"public_html/index.html": "x", "app/app.py": "old"})
	for _, c := range []struct{ name, startDir, flag, appTo, want string }{
		{"elsewhere", "../app", "", "app2", "../app2"},
		{"elsewhere than an absolute one", home + "/app", "", "app2", "../app2"},
		{"the same", "../app", "", "app", "../app"},
		{"the same, absolute", home + "/app", "", "app", home + "/app"},
		{"one that is not seen here", "/nowhere/else", "", "app", "/nowhere/else"},
		{"both are said", "../app", "/nowhere/else", "app2", "/nowhere/else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir, appTo: path.Join(home, c.appTo)}
			if c.flag != "" {
				o.settings = []install.Assignment{{Name: "START_DIR", Value: c.flag}}
			}
			var out strings.Builder
			d := &deploy{options: o, host: host, out: &out, lines: []byte("CGIPROXY_START=x\nCGIPROXY_START_DIR=" + c.startDir + "\n")}
			if _, err := d.planApp(); err != nil {
				t.Fatal(err)
			}
			if isSaid := strings.Contains(out.String(), "with --start-dir "+c.startDir+" it stays"); isSaid != (c.want != c.startDir && c.flag == "") {
				t.Errorf("said is %q", out.String())
			}
			if got := d.setting("START_DIR"); got != c.want {
				t.Errorf("START_DIR is %s, want %s", got, c.want)
			}
		})
	}
}
