package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A signedLanguage makes an app of an example. The app says where it listens,
// reads the body, and answers what the tables expect.
type signedLanguage struct {
	name, file    string
	command       string // {file} is the app
	before, after string // the example
}

var signedLanguages = []signedLanguage{
	{"go", "app.go", "{file} tcp 127.0.0.1:0", `package main
import ("crypto/hmac"; "crypto/sha256"; "encoding/hex"; "fmt"; "net"; "net/http"; "os"; "strconv"; "strings"; "time")
`, `
func main() {
	l, err := net.Listen(os.Args[1], os.Args[2])
	if err != nil { panic(err) }
	fmt.Println("listening on http://" + l.Addr().String())
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signed(r) {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "user="+r.Header.Get("X-Forwarded-User"))
	})))
}
`},
	{"python", "app.py", "python3 {file}", "", `
import http.server

class App(http.server.BaseHTTPRequestHandler):
    def respond(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # self.path would have one slash in place of two.
        ok = signed(self.command, self.requestline.split()[1], self.headers)
        self.send_response(200 if ok else 403)
        self.end_headers()
        text = "user=" + self.headers.get("X-Forwarded-User", "") if ok else "refused"
        self.wfile.write(text.encode("latin-1"))
    do_GET = do_POST = respond

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
print("listening on http://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
`},
	{"node", "app.js", "node {file}", "", `
const server = require("node:http").createServer((req, res) => {
  req.resume();
  if (signed(req)) res.end("user=" + (req.headers["x-forwarded-user"] ?? ""), "latin1");
  else res.writeHead(403).end("refused");
});
server.listen(0, "127.0.0.1", () => console.log("listening on http://127.0.0.1:" + server.address().port));
`},
	{"php", "app.php", "php -S 127.0.0.1:0 {file}", "<?php\n", `
if (signed()) {
    echo 'user=', $_SERVER['HTTP_X_FORWARDED_USER'] ?? '';
} else {
    http_response_code(403);
    echo 'refused';
}
`},
}

// program writes the app, with that window, and returns the command that runs it.
func (l signedLanguage) program(t *testing.T, window string) []string {
	t.Helper()
	words := strings.Fields(l.command)
	if l.name != "go" { // the tests run in it
		needPrograms(t, words[0])
	}
	manual, err := os.ReadFile("../../MANUAL.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)\n<!-- signed: " + l.name + " -->\n```[a-z]+\n(.*?\n)```\n").FindSubmatch(manual)
	if example == nil {
		t.Fatalf("MANUAL.md has no example in %s", l.name)
	}
	text := string(example[1])
	if n := strings.Count(text, "60"); n != 1 {
		t.Fatalf("the window is in %d places of the example in %s, want one", n, l.name)
	}
	file := filepath.Join(t.TempDir(), l.file)
	if err := os.WriteFile(file, []byte(l.before+strings.Replace(text, "60", window, 1)+l.after), 0o644); err != nil {
		t.Fatal(err)
	}
	if l.name == "go" {
		program := strings.TrimSuffix(file, ".go")
		if out, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		file = program
	}
	words[slices.Index(words, "{file}")] = file
	return words
}
