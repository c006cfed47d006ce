package remote

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
)

// List asks for LIST, which all servers know, and not for MLSD, which vsftpd
// does not. The folder is entered first: not all take an option and a name.
func (h *ftpHost) List(folder string) ([]Entry, error) {
	if _, err := h.ask("the folder "+folder, 250, "CWD "+h.path(folder)); err != nil {
		return nil, err
	}
	text, ended, err := h.listing(folder)
	if err == nil && !ended {
		// Without close_notify it may be cut short (RFC 8446 section 6.1), and some
		// servers always end so. What is cut twice would not be the same.
		var again string
		if again, _, err = h.listing(folder); err == nil && again != text {
			err = fmt.Errorf("list %s: %w", folder, broken(io.ErrUnexpectedEOF))
		}
	}
	if err != nil {
		return nil, err
	}
	var list []Entry
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "total ") {
			continue
		}
		e, ok := parseList(line)
		if !ok {
			return nil, fmt.Errorf("list %s: %q is no line of ls -l: try sftp://", folder, line)
		}
		if e.Name != "." && e.Name != ".." {
			list = append(list, e)
		}
	}
	return list, nil
}

// maxList bounds a list, in bytes: 80,000 lines.
const maxList = 8 << 20

// listing returns the lines of the current folder, and whether the server has
// said where they end: without TLS, its reply alone tells.
func (h *ftpHost) listing(folder string) (text string, ended bool, err error) {
	err = h.transfer("list "+folder, "LIST -a", func(conn net.Conn) error {
		content, err := readMost(conn, maxList)
		text, ended = string(content), hasEnded(conn)
		return err
	})
	if err == nil && text != "" && !strings.HasSuffix(text, "\n") {
		err = fmt.Errorf("list %s: %w", folder, broken(io.ErrUnexpectedEOF))
	}
	return text, ended, err
}

// parseList reads a line of ls -l: permissions, links, owner, group, size, month,
// day, time or year, name.
func parseList(line string) (e Entry, ok bool) {
	var fields [8]string
	rest := line
	for i := range fields {
		rest = strings.TrimLeft(rest, " ")
		if fields[i], rest, ok = strings.Cut(rest, " "); !ok {
			return e, false
		}
	}
	e.Name = rest
	var err error
	if e.Size, err = strconv.ParseInt(fields[4], 10, 64); err != nil || len(fields[0]) < 10 {
		return e, false
	}
	switch fields[0][0] {
	case 'd':
		e.Mode = fs.ModeDir
	case 'l':
		e.Mode = fs.ModeSymlink
		e.Name, _, _ = strings.Cut(e.Name, " -> ")
	case '-':
	default:
		e.Mode = fs.ModeIrregular
	}
	for i, c := range fields[0][1:10] {
		if c == 'r' || c == 'w' || c == 'x' || c == 's' || c == 't' {
			e.Mode |= 1 << (8 - i)
		}
	}
	return e, e.Name != ""
}
