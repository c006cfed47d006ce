package command

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy"
)

// A screen shows text of others: the names of their folders, or what an app prints,
// part of which may be from its visitors. A terminal obeys escape sequences. All that
// a command says to err is shown so, in a file, too.
type screen struct{ w io.Writer }

// Write takes whole lines, or else a part of one.
func (s screen) Write(text []byte) (int, error) {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		lines[i] = []byte(cgiproxy.Printable(string(bytes.TrimSuffix(line, []byte("\r")))))
	}
	if _, err := s.w.Write(bytes.Join(lines, []byte("\n"))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// onScreen returns t for a command whose output is text of others: a file or a pipe
// gets it as it is.
func (t *terminal) onScreen() *terminal {
	shown := *t
	if isTerminal(t.out) {
		shown.out = screen{t.out}
	}
	return &shown
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}
