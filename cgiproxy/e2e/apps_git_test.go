package e2e

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// gitConfig makes an Apache a git server, as git-http-backend(1) tells: of the
// repositories in its document root, for those with a password. %s is the
// folder of git's programs.
const gitConfig = `
ScriptAlias / %s/git-http-backend/
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnvIfExpr "%%{DOCUMENT_ROOT} =~ /(.+)/" GIT_PROJECT_ROOT=$1
<Location />
	Options +ExecCGI
	AuthType Basic
	AuthName git
	AuthUserFile htdocs/.htpasswd
	Require valid-user
</Location>
`

// gitPassword has what must be percent-encoded in a URL.
const gitPassword = "p@ss:/?"

// TestGit pushes, clones and fetches with git over smart HTTP through
// proxy.cgi. git sends what is larger than http.postBuffer chunked, and a long
// list of commits that is smaller with Content-Encoding: gzip.
func TestGit(t *testing.T) {
	t.Parallel()
	needPrograms(t, "git")
	app := newGitServer(t)
	settings := "CGIPROXY_UPSTREAM=" + app.Addr + "\n"
	front := newFront(t, map[string]string{"": settings, "git": settings + "CGIPROXY_STRIP_PREFIX=auto\n"})
	for name, folder := range map[string]string{"root": "/", "folder": "/git/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGit(t)
			stored := filepath.Join(app.Root, name)
			g.run(nil, "init", "-q", "--bare", stored)
			chown(t, app, stored)
			repo := url.URL{Scheme: "http", Host: front.Addr, Path: folder + name}
			repo.User = url.UserPassword("user", gitPassword)
			testGit(g, repo.String(), stored)

			repo.User = url.UserPassword("user", "wrong")
			if out, err := g.try(nil, "ls-remote", repo.String()); err == nil || !strings.Contains(out, "Authentication failed") {
				t.Errorf("git ls-remote with a wrong password: %v %s", err, out)
			}
		})
	}
}

// testGit pushes to a repository from one clone and fetches into another.
// stored is where the app keeps it.
func testGit(g gitClient, url, stored string) {
	g.Helper()
	writer, reader := filepath.Join(g.home, "writer"), filepath.Join(g.home, "reader")
	g.run(nil, "init", "-q", writer)
	g.run(history(), "-C", writer, "fast-import", "--quiet")
	g.run(nil, "-C", writer, "remote", "add", "origin", url)
	g.run(nil, "-C", writer, "-c", "http.postBuffer=65536", "push", "-q", "--all", "origin")
	g.run(nil, "clone", "-q", "--mirror", url, reader)

	// Now that both sides have most of it: a new commit and a deleted branch.
	g.run(nil, "-C", writer, "commit", "-q", "--allow-empty", "-m", "one more")
	g.run(nil, "-C", writer, "branch", "-D", "b0")
	g.run(nil, "-C", writer, "push", "-q", "--prune", "origin", "refs/heads/*")
	g.run(nil, "-C", reader, "fetch", "-q", "--prune")

	branches := func(repo string) string {
		g.run(nil, "-C", repo, "fsck", "--full", "--strict")
		return g.run(nil, "-C", repo, "for-each-ref", "refs/heads")
	}
	want := branches(writer)
	if got := branches(stored); got != want {
		g.Errorf("the app's branches:\n%s\nthose pushed:\n%s", got, want)
	}
	if got := branches(reader); got != want {
		g.Errorf("branches fetched:\n%s\nthose pushed:\n%s", got, want)
	}
	trace, err := os.ReadFile(g.trace())
	if err != nil {
		g.Fatal(err)
	}
	for _, field := range []string{"Transfer-Encoding: chunked", "Content-Encoding: gzip", "Authorization: Basic"} {
		if !bytes.Contains(trace, []byte("=> Send header: "+field)) {
			g.Errorf("git sent no %s: this test misses what it is for", field)
		}
	}
}

// history returns a history for git fast-import: 6 MiB that do not compress,
// on main, and so many branches that their ids are over 1 KiB, from where on
// git compresses a request.
func history() io.Reader {
	const size, branches, committer = 6 << 20, 40, "committer A <a@example.org> 1 +0000\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, "blob\nmark :1\ndata %d\n", size)
	io.CopyN(&b, rand.NewChaCha8([32]byte{}), size)
	fmt.Fprintf(&b, "\ncommit refs/heads/main\nmark :2\n%sdata 0\nM 100644 :1 random\n\n", committer)
	for i := range branches {
		fmt.Fprintf(&b, "commit refs/heads/b%d\n%sdata 0\nfrom :2\nM 100644 inline number\ndata <<EOF\n%d\nEOF\n\n", i, committer, i)
	}
	return &b
}

// newGitServer starts an Apache that runs git http-backend.
func newGitServer(t *testing.T) *webserver.Server {
	t.Helper()
	programs, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(gitConfig, bytes.TrimSpace(programs))
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: config})
	password := sha1.Sum([]byte(gitPassword))
	s.WriteFile(t, ".htpasswd", "user:{SHA}"+base64.StdEncoding.EncodeToString(password[:])+"\n", 0o644)
	return s
}

// chown gives a folder to those whom the server runs programs as.
func chown(t *testing.T, s *webserver.Server, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, s.UID, s.GID)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A gitClient runs git without the configuration of this machine.
type gitClient struct {
	*testing.T
	home string
}

func newGit(t *testing.T) gitClient {
	t.Helper()
	g := gitClient{t, t.TempDir()}
	const config = `[user]
	name = A
	email = a@example.org
[init]
	defaultBranch = main
[safe]
	directory = * # the app's repositories belong to the web server
`
	if err := os.WriteFile(filepath.Join(g.home, ".gitconfig"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return g
}

// trace is the file with the header of each HTTP request and response.
func (g gitClient) trace() string { return filepath.Join(g.home, "trace") }

// try runs git and returns what it prints.
func (g gitClient) try(stdin io.Reader, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.home
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + g.home,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_TRACE_CURL=" + g.trace(), "GIT_TRACE_CURL_NO_DATA=1",
	}
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs git, which must succeed.
func (g gitClient) run(stdin io.Reader, args ...string) string {
	g.Helper()
	out, err := g.try(stdin, args...)
	if err != nil {
		g.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}
