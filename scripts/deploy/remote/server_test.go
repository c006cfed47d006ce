package remote

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A transferred is what a scripted server sends over a data connection, and how
// it ends.
type transferred struct {
	text  string
	more  string // and then this, without an end
	plain bool   // without close_notify
	torn  bool   // and within a record
	reply string // of the control connection, "" for 226
}

// A scriptedServer is an FTP server, or FTPS with AUTH TLS, that does what real
// ones do only when something goes wrong.
type scriptedServer struct {
	greeting, endless string            // endless follows the greeting, and does not end
	size              string            // of each file
	user, pass        string            // replies to these, "" for those that let in
	replies           map[string]string // to other commands
	transfers         []transferred

	tls      *tls.Config // nil for plain FTP
	roots    *x509.CertPool
	mu       sync.Mutex
	commands []string
}

// start listens for the length of a test, and returns a host that is connected.
func (s *scriptedServer) start(t *testing.T, scheme string) (Host, error) {
	t.Helper()
	if scheme == "ftps" {
		certified := httptest.NewTLSServer(nil)
		t.Cleanup(certified.Close)
		s.tls = &tls.Config{Certificates: certified.TLS.Certificates}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(certified.Certificate())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	target := &Target{Scheme: scheme, Host: l.Addr().String(), User: "me", Insecure: true, TLS: &tls.Config{RootCAs: s.roots}}
	SetRetryPause(t, 0)
	h, err := target.Open("password", t.Logf)
	if err == nil {
		t.Cleanup(func() { h.Close() })
	}
	return h, err
}

// count returns how many commands begin so.
func (s *scriptedServer) count(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, command := range s.commands {
		if strings.HasPrefix(command, name) {
			n++
		}
	}
	return n
}

func (s *scriptedServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	io.WriteString(conn, s.greeting)
	if s.endless != "" {
		sendEndless(conn, s.endless)
		return
	}
	say("220 ready")
	commands := bufio.NewReader(conn)
	var data net.Listener
	for {
		line, err := commands.ReadString('\n')
		if err != nil {
			return
		}
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.mu.Lock()
		s.commands = append(s.commands, name)
		s.mu.Unlock()
		if reply := s.replies[name]; reply != "" {
			say("%s", reply)
			continue
		}
		switch name {
		case "AUTH":
			say("234 go on")
			conn = tls.Server(conn, s.tls)
			commands = bufio.NewReader(conn)
		case "PASS":
			say("%s", cmp.Or(s.pass, "230 in"))
		case "USER":
			say("%s", cmp.Or(s.user, "331 password?"))
		case "PWD":
			say(`257 "/"`)
		case "SIZE":
			say("213 %s", s.size)
		case "EPSV":
			if data, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			say("229 (|||%d|)", data.Addr().(*net.TCPAddr).Port)
		case "CWD":
			say("250 done")
		case "MKD":
			say("257 made")
		case "STOR": // of which nothing is read
			say("150 go on")
			upload, err := data.Accept()
			if err != nil {
				return
			}
			defer upload.Close()
		case "LIST", "RETR":
			say("150 here it comes")
			say("%s", s.transfer(data))
		default:
			say("200 done")
		}
	}
}

// transfer sends what comes next, the last one again and again, and returns the
// reply.
func (s *scriptedServer) transfer(data net.Listener) (reply string) {
	defer data.Close()
	conn, err := data.Accept()
	if err != nil {
		return "425 " + err.Error()
	}
	defer conn.Close()
	s.mu.Lock()
	now := s.transfers[0]
	if len(s.transfers) > 1 {
		s.transfers = s.transfers[1:]
	}
	s.mu.Unlock()
	out := conn
	if s.tls != nil {
		out = tls.Server(conn, s.tls)
	}
	io.WriteString(out, now.text)
	if now.more != "" {
		sendEndless(out, now.more)
	}
	switch secure, ok := out.(*tls.Conn); {
	case now.torn:
		io.WriteString(conn, "\x17\x03\x03") // of application data
	case ok && !now.plain:
		secure.CloseWrite()
	}
	if now.reply != "" {
		return now.reply
	}
	return "226 done"
}

// sendEndless sends a text until the client has had enough: 512 MiB are too much
// for each of them.
func sendEndless(w io.Writer, text string) {
	text = strings.Repeat(text, 32<<10/len(text))
	for range 512 << 20 / len(text) {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}
