package check

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// A findingTest spoils a site, and says what a check finds then.
type findingTest struct {
	check, name string
	level       Level
	trouble     string
	spoil       func(s *testSite)
	want        string // in the finding
}

func findingTests() []findingTest {
	var all []findingTest
	for _, tests := range [][]findingTest{programTests(), ownerTests(), settingsTests(), appTests(), htaccessTests(), ruleTests(), servedTests()} {
		all = append(all, tests...)
	}
	return all
}

// bigProgram is long enough that line ends of each kind are in it by chance.
func bigProgram(ends string) string {
	return smallProgram + strings.Repeat("x"+ends+"y\n"+strings.Repeat("z", 60), 1<<15)
}

func programTests() []findingTest {
	program := func(text string) func(*testSite) {
		return func(s *testSite) { s.write("proxy.cgi", text, 0o755) }
	}
	sums := func(text string) func(*testSite) {
		return func(s *testSite) {
			s.write("SHA256SUMS", fmt.Sprintf("%x  README.md\n%x  proxy.cgi\n", sha256.Sum256(nil), sha256.Sum256([]byte(text))), 0o644)
		}
	}
	cut := []byte(smallProgram)
	copy(cut[32:], []byte{0, 2})                    // e_phoff 512
	copy(cut[54:], []byte{56, 0, 1, 0, 0, 0, 0, 0}) // one segment
	return []findingTest{
		{"script", "none", Fault, "", func(s *testSite) { s.do(os.Remove(s.path("proxy.cgi"))) }, "no proxy.cgi"},
		{"script", "a broken link", Fault, "exec", func(s *testSite) {
			s.do(os.Remove(s.path("proxy.cgi")))
			s.do(os.Symlink("nowhere", s.path("proxy.cgi")))
		}, "no such file"},
		{"script", "a pipe", Fault, "exec", func(s *testSite) {
			s.do(os.Remove(s.path("proxy.cgi")))
			s.do(syscall.Mkfifo(s.path("proxy.cgi"), 0o755))
		}, "is no program"},
		{"system", "empty", Fault, "exec", program(""), "is empty"},
		{"system", "text", Fault, "exec", program("#!/bin/sh\n"), "no program"},
		{"system", "another machine", Fault, "exec", program(elfHeader(2)), "built for machine 2"},
		{"whole", "both line ends", OK, "", program(bigProgram("\r\n")), "is whole"},
		{"whole", "CRLF became LF", Fault, "suexec", program(bigProgram("\n")), "not uploaded in binary mode"},
		{"whole", "LF became CRLF", Fault, "suexec", program(strings.ReplaceAll(bigProgram("\n"), "\n", "\r\n")), "not uploaded in binary mode"},
		{"whole", "half", Fault, "suexec", program(string(cut)), "not whole"},
		{"release", "the same", OK, "", sums(smallProgram), "is the program of"},
		{"release", "another", Warning, "exec", sums("another"), "another version"},
		{"executable", "644", Fault, "exec", func(s *testSite) { s.chmod("proxy.cgi", 0o644) }, "permissions 644"},
		{"executable", "700", Warning, "exec", func(s *testSite) { s.chmod("proxy.cgi", 0o700) }, "only its owner"},
		{"mount", "noexec", Fault, "exec", mountNoExec, "noexec"},
		{"memory", "RLimitMEM", Fault, "memory", func(s *testSite) { s.rules("RewriteEngine On", "RLimitMEM 50000000\nRewriteEngine On") }, "address space"},
		{"cpu", "with START", Warning, "", func(s *testSite) {
			s.settings("START=true\nSTART_DIR=" + s.t.TempDir() + "\n")
			s.rules("RewriteEngine On", "RLimitCPU 30 60\nRewriteEngine On")
		}, "30 s"},
	}
}

func ownerTests() []findingTest {
	return []findingTest{
		{"link", "program", Fault, "suexec", func(s *testSite) {
			s.do(os.Rename(s.path("proxy.cgi"), s.path("real")))
			s.do(os.Symlink("real", s.path("proxy.cgi")))
		}, "is a symbolic link"},
		{"link", "folder of another", Warning, "forbidden", func(s *testSite) {
			link := filepath.Join(filepath.Dir(s.folder), "link")
			s.do(os.Symlink(s.folder, link))
			s.chown("../link", stranger, stranger)
			s.folder = link
		}, "link of user 65534"},
		{"owner", "program of another", Fault, "suexec", func(s *testSite) { s.chown("proxy.cgi", stranger, stranger) }, "belongs to user 65534"},
		{"owner", "another group", Warning, "suexec", func(s *testSite) { s.chown("proxy.cgi", -1, stranger) }, "belongs to group 65534"},
		{"owner", "all of another", Fault, "suexec", func(s *testSite) { s.chown("", stranger, stranger) }, "belongs to user"},
		{"writable", "folder 775", Fault, "suexec", func(s *testSite) { s.chmod("", 0o775) }, "the folder has permissions 775"},
		{"writable", "program 757", Fault, "suexec", func(s *testSite) { s.chmod("proxy.cgi", 0o757) }, "proxy.cgi has permissions 757"},
		{"writable", "setuid", Fault, "suexec", func(s *testSite) { s.chmod("proxy.cgi", 0o755|os.ModeSetuid) }, "setuid"},
		{"folders", "closed", Fault, "forbidden", func(s *testSite) { s.chmod("..", 0o700) }, "may not enter"},
		{"folders", "of the group", OK, "", func(s *testSite) { s.chown("..", -1, stranger); s.chmod("..", 0o750) }, "may enter"},
		{"way", "a folder above 775", Warning, "", func(s *testSite) { s.chmod("..", 0o775) }, "public_html has permissions 775: others may write to it"},
		{"way", "a folder above of another", Warning, "", func(s *testSite) { s.chown("..", stranger, -1) }, "public_html belongs to user 65534"},
		{"htaccess", "closed", Fault, "forbidden", func(s *testSite) { s.chmod(".htaccess", 0) }, "may not read it"},
		{"htaccess", "666", Warning, "", func(s *testSite) { s.chmod(".htaccess", 0o666) }, "others may write"},
	}
}

func settingsTests() []findingTest {
	setting := func(lines string) func(*testSite) { return func(s *testSite) { s.settings(lines) } }
	noFile := func(s *testSite) { s.do(os.Remove(s.path(settings.File))) }
	return []findingTest{
		{"settings-file", "none", Warning, "setting", noFile, "there is no .htcgiproxy"},
		{"settings-file", "another name", Fault, "setting", func(s *testSite) {
			s.do(os.Rename(s.path(".htcgiproxy"), s.path(".htcgiproxy.txt")))
		}, "but .htcgiproxy.txt, which proxy.cgi does not read"},
		{"settings-file", "closed", Fault, "setting", func(s *testSite) { s.chown("", stranger, stranger); s.chmod(settings.File, 0o600) }, "user 65534 may not read it"},
		{"settings", "a bad value", Fault, "setting", setting("MAX_BODY=1MB\n"), "CGIPROXY_MAX_BODY"},
		{"settings", "others may write", Fault, "setting", func(s *testSite) { s.chmod(settings.File, 0o666) }, "set its permissions to 600"},
		{"settings", "no line", Fault, "setting", setting("hello\n"), "NAME="},
		{"notes", "an unknown name", Warning, "setting", setting("UPSTRAEM=1\n"), "did you mean CGIPROXY_UPSTREAM"},
		{"notes", "a SECRET that all read", Warning, "setting", func(s *testSite) { s.settings("SECRET=abc\n"); s.chmod(settings.File, 0o644) }, "SECRET"},
		{"notes", "SetEnv against the file", OK, "", setting(""), "not as SetEnv has it"},
		{"setenv", "alone", Warning, "setting", noFile, "SetEnv alone"},
		{"setenv", "inherited", Warning, "other-app", func(s *testSite) {
			s.rules("SetEnv CGIPROXY_UPSTREAM 6543", "")
			s.write("../.htaccess", "SetEnv CGIPROXY_UPSTREAM 7000\n", 0o644)
			noFile(s)
		}, "is inherited from"},
		{"second-site", "no file", Fault, "other-app", func(s *testSite) {
			s.write("../proxy.cgi", "", 0o755)
			s.write("../.htaccess", "", 0o644)
			noFile(s)
		}, "has a proxy.cgi, too"},
		{"log-file", "can be made", OK, "", setting("LOG_FILE=.htproxy.log\n"), "LOG_FILE is "},
		{"log-file", "is a folder", Warning, "", func(s *testSite) {
			s.settings("LOG_FILE=.htproxy.log\n")
			s.do(os.Mkdir(s.path(".htproxy.log"), 0o700))
		}, "cannot use LOG_FILE"},
		{"log-file", "in no folder", Warning, "", setting("LOG_FILE=logs/.htproxy.log\n"), "cannot use LOG_FILE"},
		{"max-body", "small", Warning, "413", setting("MAX_BODY=2\n"), "raise CGIPROXY_MAX_BODY"},
		{"max-body", "large", OK, "", setting("MAX_BODY=20000000\n"), "20000000"},
	}
}

func appTests() []findingTest {
	responds := func(handle http.HandlerFunc) func(*testSite) { return func(s *testSite) { s.handle = handle } }
	upstream := func(lines string) func(*testSite) {
		return func(s *testSite) { s.write(settings.File, lines, 0o600) }
	}
	ofStranger := func(lines string) func(*testSite) {
		return func(s *testSite) {
			l := testkit.ListenAs(s.t, stranger, "tcp", "127.0.0.1:0")
			go http.Serve(l, http.NotFoundHandler())
			s.write(settings.File, "UPSTREAM="+l.Addr().String()+"\n"+lines, 0o600)
		}
	}
	return []findingTest{
		{"app", "nobody", Fault, "502", upstream("UPSTREAM=127.0.0.1:1\n"), "connect 127.0.0.1:1: connection refused: is the app running?"},
		{"app", "no socket", Fault, "502", upstream("UPSTREAM=unix:/nowhere/app.sock\n"), "is its socket there?"},
		{"app", "a closed socket", Fault, "502", func(s *testSite) {
			socketApp(s, s.t.TempDir(), 0o600)
			s.chown("", stranger, stranger)
			s.chown(settings.File, stranger, stranger)
		}, "permission denied"},
		{"app", "only ::1", OK, "", onlySecond, "on [::1]:"},
		{"app-http", "only ::1 of the site's user, whoever checks", OK, "", func(s *testSite) {
			onlySecond(s)
			s.chown("", stranger, stranger)
			s.chown(settings.File, stranger, stranger)
		}, "404 Not Found"},
		{"app", "takes no connections", Fault, "504", fullSocket, "no connection within"},
		{"app", "not running, START", OK, "", func(s *testSite) {
			s.write(settings.File, "UPSTREAM=127.0.0.1:1\nSTART=true\nSTART_DIR="+s.t.TempDir()+"\n", 0o600)
		}, "the first request starts the app"},
		{"app", "auto", OK, "", func(s *testSite) {
			s.write(settings.File, "UPSTREAM=auto\nSTART=true\nSTART_DIR="+s.t.TempDir()+"\n", 0o600)
		}, "on a free port"},
		{"app-owner", "a stranger", Warning, "502", ofStranger(""), "belongs to user 65534"},
		{"app-owner", "a stranger, only ::1", Fault, "502", onlySecond, "so it gets no request"},
		{"app-owner", "a stranger, REQUIRE_OWNER", Fault, "502", ofStranger("REQUIRE_OWNER=true\n"), "belongs to user 65534 and not to ours"},
		{"app-http", "another protocol", Fault, "502", responds(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Write([]byte("SSH-2.0-OpenSSH\r\n"))
			conn.Close()
		}), "does an HTTP app listen"},
		{"app-http", "slow", Fault, "504", func(s *testSite) {
			s.handle = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			s.settings("HEADER_TIMEOUT=50ms\n")
		}, "CGIPROXY_HEADER_TIMEOUT"},
		{"app-http", "a web server", Warning, "loop", responds(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Server", "Apache/2.4") }), "web server"},
		{"app-http", "404", OK, "", responds(http.NotFound), "404 Not Found"},
		{"app-https", "redirects all", Fault, "redirect", responds(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
		}), "X-Forwarded-Proto"},
		{"app-https", "redirects http", OK, "", responds(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Forwarded-Proto") != "https" {
				http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
			}
		}), "does not redirect"},
		{"app-prefix", "expects none", Warning, "app-404", responds(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				http.NotFound(w, r)
			}
		}), "STRIP_PREFIX=auto"},
		{"start", "no folder", Fault, "503", func(s *testSite) { s.settings("START=true\nSTART_DIR=/nowhere\n") }, "START_DIR"},
		{"start", "root's site, START_DIR of others", Warning, "", func(s *testSite) {
			dir := s.t.TempDir()
			s.settings("START=true\nSTART_DIR=" + dir + "\n")
			s.do(os.Chmod(dir, 0o757))
			if os.Geteuid() != 0 {
				s.t.Skip("only root is refused there")
			}
		}, "has permissions 757: others may write to it"},
		{"start", "root's site, START_DIR of a user", Warning, "", func(s *testSite) {
			dir := s.t.TempDir()
			s.settings("START=true\nSTART_DIR=" + dir + "\n")
			s.do(os.Chmod(dir, 0o755))
			s.chown("", 0, 0)
			s.do(os.Chown(dir, stranger, stranger))
		}, "belongs to user 65534"},
		{"start", "START_DIR of another site", Fault, "setting", func(s *testSite) {
			s.write("../"+settings.File, "", 0o600)
			s.noted(fmt.Sprintf("site %q\nsettings \"other\"\n", s.path("../"+settings.File)), "UPSTREAM=auto")
		}, "is the START_DIR of another site"},
		{"start", "a state that is no folder", Fault, "503", func(s *testSite) {
			dir := s.noted("", "UPSTREAM=auto")
			s.do(errors.Join(os.RemoveAll(filepath.Join(dir, ".cgiproxy")), os.WriteFile(filepath.Join(dir, ".cgiproxy"), nil, 0o700)))
		}, "no restart of the app counts"},
		{"start", "a state of root's", Fault, "503", func(s *testSite) {
			dir := s.noted("", "UPSTREAM=auto")
			s.chown("", stranger, stranger)
			s.do(errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chown(dir, stranger, stranger)))
		}, "rename "},
		{"start", "no program", Fault, "503", func(s *testSite) {
			s.settings("START='PORT=1 exec venv/bin/gunicorn app:app'\nSTART_DIR=" + s.t.TempDir() + "\n")
		}, "venv/bin/gunicorn"},
		{"start", "a script of Windows", Fault, "503", func(s *testSite) { s.settings("START=./run.sh\n"); s.write("run.sh", "#!/bin/sh\r\n", 0o755) }, "run.sh begins with #!"},
		{"start", "its log", Warning, "503", func(s *testSite) {
			dir := s.t.TempDir()
			s.do(os.WriteFile(filepath.Join(dir, "app.log"), []byte("a\nb\nImportError: flask\n"), 0o600))
			s.write(settings.File, "UPSTREAM=127.0.0.1:1\nSTART=true\nSTART_DIR="+dir+"\n", 0o600)
		}, "ImportError: flask"},
		{"start", "its state is a pipe", OK, "", func(s *testSite) {
			state := filepath.Join(s.noted("", "UPSTREAM=127.0.0.1:1"), ".cgiproxy/state")
			s.do(errors.Join(os.Remove(state), syscall.Mkfifo(state, 0o600)))
		}, "START runs in"},
		{"start", "its log is a pipe", Fault, "503", func(s *testSite) {
			s.do(syscall.Mkfifo(filepath.Join(s.noted("", "UPSTREAM=127.0.0.1:1"), "app.log"), 0o600))
		}, "cannot use the app's log"},
		{"start", "its log is a link", Fault, "503", func(s *testSite) {
			dir := s.noted("", "UPSTREAM=auto")
			s.do(os.Symlink("elsewhere", filepath.Join(dir, "app.log")))
		}, "cannot use the app's log"},
		{"start", "its log is a folder", Fault, "503", func(s *testSite) {
			dir := s.noted("", "UPSTREAM=auto")
			s.do(os.Mkdir(filepath.Join(dir, "app.log"), 0o700))
		}, "cannot use the app's log"},
		{"start", "its log is somebody else's", Fault, "503", func(s *testSite) {
			dir := s.noted("", "UPSTREAM=auto")
			log := filepath.Join(dir, "app.log")
			s.do(errors.Join(os.WriteFile(log, nil, 0o666), os.Chown(log, stranger, stranger)))
		}, "cannot use the app's log"},
		{"start", "no folder for its log", Fault, "503", func(s *testSite) {
			s.noted("", "UPSTREAM=auto\nSTART_LOG=logs/app.log")
		}, "cannot use the app's log"},
		{"restart", "failed, the app runs", Warning, "503", func(s *testSite) { failedRestart(s, "UPSTREAM="+s.app.Listener.Addr().String()) }, "the last restart failed (status 3), and the app from before goes on: correct"},
		{"restart", "failed, the app from before is in the way", Warning, "503", func(s *testSite) { failedRestart(s, "UPSTREAM=auto") }, "that cannot run twice at once"},
		{"restart", "in a folder that scripts may not enter", Warning, "", func(s *testSite) {
			tmp := filepath.Join(s.noted("", "UPSTREAM=auto"), "tmp")
			s.chown("", stranger, stranger)
			s.do(os.Mkdir(tmp, 0o700))
			if os.Geteuid() != 0 {
				s.do(os.Chmod(tmp, 0))
			}
		}, "cannot see "},
		{"restart", "failed, the app is stopped", Warning, "503", func(s *testSite) { failedRestart(s, "UPSTREAM=127.0.0.1:1") }, "the last restart failed (status 3): correct"},
		{"start", "in the served folder", Warning, "", func(s *testSite) { s.settings("START=true\nSTART_DIR=app\n"); s.do(os.Mkdir(s.path("app"), 0o755)) }, "is served"},
	}
}
