package remote

import (
	"bytes"
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
	var text bytes.Buffer
	err := h.transfer("list "+folder, "LIST -a", func(conn net.Conn) error {
		_, err := text.ReadFrom(conn)
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []Entry
	for line := range strings.Lines(text.String()) {
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
