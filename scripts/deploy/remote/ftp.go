package remote

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"time"
)

// An ftpHost is a connection to an FTP server (RFC 959; RFC 4217 for TLS).
//
// It is our own, for the libraries there are know no SITE CHMOD, and fail where a
// server wants the TLS session of the control connection on the data connection,
// as vsftpd and ProFTPD do unless told otherwise.
type ftpHost struct {
	conn net.Conn
	said *io.LimitedReader // of conn, for each reply anew
	text *textproto.Reader // of said
	tls  *tls.Config       // nil for plain FTP
	home string            // where the login begins
	pasv bool              // the server knows no EPSV
	time string            // of the server when it was first asked, as MDTM says it
}

// exchange sends a command and returns the reply to it.
func (h *ftpHost) exchange(expect int, command string) (code int, reply string, err error) {
	if badName(command) {
		return 0, "", errors.New("a name with a control byte")
	}
	h.conn.SetDeadline(time.Now().Add(ioTime))
	if _, err := io.WriteString(h.conn, command+"\r\n"); err != nil {
		return 0, "", err
	}
	return h.reply(expect)
}

// listen reads replies from the connection as it is now.
func (h *ftpHost) listen() {
	h.said = &io.LimitedReader{R: h.conn}
	h.text = textproto.NewReader(bufio.NewReader(h.said))
}

// maxReply bounds a reply, in bytes: some greet with pages of rules.
const maxReply = 64 << 10

// reply reads one, whose code it expects as textproto does; 0 is any.
func (h *ftpHost) reply(expect int) (code int, text string, err error) {
	h.conn.SetDeadline(time.Now().Add(ioTime))
	h.said.N = maxReply
	code, text, err = h.text.ReadResponse(expect)
	switch {
	case err != nil && h.said.N == 0:
		h.conn.Close() // the rest is no reply to what follows
		err = fmt.Errorf("%w: a reply of over %d bytes", ErrTooLong, maxReply)
	case code == 421, code == 426: // the server says goodbye, or has lost the data connection
		err = broken(&textproto.Error{Code: code, Msg: text})
	}
	return code, text, err
}

// ask is exchange for one command that has to do with what.
func (h *ftpHost) ask(what string, expect int, command string) (reply string, err error) {
	_, reply, err = h.exchange(expect, command)
	return reply, ftpError(what, err)
}

// ftpError tells a refusal from a connection that broke off. 550 is all that
// servers say of what is not there.
func ftpError(what string, err error) error {
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[*textproto.Error](err)
	switch {
	case errors.Is(err, errBroken), errors.Is(err, ErrTooLong):
		return fmt.Errorf("%s: %w", what, err)
	case !ok:
		return fmt.Errorf("%s: %w", what, broken(err))
	case refusal.Code == 550:
		return fmt.Errorf("%s: %w (the server says: %w)", what, fs.ErrNotExist, refusal)
	case refusal.Code == 452, refusal.Code == 552, refusal.Code == 451 && strings.Contains(refusal.Msg, "writing"): // the last is vsftpd's
		return fmt.Errorf("%s: %v: %w", what, refusal, ErrFull)
	}
	return fmt.Errorf("%s: the server says: %v", what, refusal)
}

func (h *ftpHost) path(name string) string { return path.Join(h.home, name) }

// Real has the server go there, for most then say where that is (getcwd(3)). All other
// commands have whole paths.
func (h *ftpHost) Real(folder string) (string, error) {
	if _, err := h.ask("the folder "+folder, 250, "CWD "+h.path(folder)); err != nil {
		return "", err
	}
	return h.current()
}

func (h *ftpHost) Size(name string) (int64, error) {
	reply, err := h.ask(name, 213, "SIZE "+h.path(name))
	if err != nil {
		return 0, err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(reply), 10, 64)
	if err != nil || size < 0 {
		return 0, fmt.Errorf("%s: the server says %.100q of its size", name, reply)
	}
	return size, nil
}

func (h *ftpHost) Chmod(name string, mode fs.FileMode) error {
	_, err := h.ask(name, 2, fmt.Sprintf("SITE CHMOD %03o %s", mode.Perm(), h.path(name)))
	if err == nil || errors.Is(err, errBroken) {
		return err
	}
	remedy := "the FTP server must know SITE CHMOD; try sftp://"
	if strings.Contains(name, `"`) {
		remedy = "ProFTPD takes quotation marks out of such a name; try sftp://, or another name"
	}
	return fmt.Errorf("permissions %03o of %w: %s", mode.Perm(), err, remedy)
}

// Touch asks for MFMT (draft-somers-ftp-mfxx), which Pure-FTPd and ProFTPD know, and then
// for MDTM, which vsftpd takes in its place, and means the time of its own zone with
// use_localtime, as Debian has it: it is told the time that it says itself.
func (h *ftpHost) Touch(name string) error {
	_, err := h.ask("time of "+name, 213, "MFMT "+time.Now().UTC().Format("20060102150405")+" "+h.path(name))
	if err == nil || errors.Is(err, errBroken) {
		return err
	}
	if h.time == "" {
		if _, err := h.modTime(name); err != nil { // it knows no MDTM, most likely
			return err
		}
		if h.time, err = h.newTime(name + ".now"); err != nil {
			return err
		}
	}
	_, err = h.ask("time of "+name, 213, "MDTM "+h.time+" "+h.path(name))
	return err
}

// newTime returns what the server says of the time of a file that is made for that.
func (h *ftpHost) newTime(name string) (time string, err error) {
	if err := h.Write(name, nil, 0o600, func(int) {}); err != nil {
		return "", err
	}
	time, err = h.modTime(name)
	return time, errors.Join(err, h.Remove(name))
}

func (h *ftpHost) modTime(name string) (time string, err error) {
	time, err = h.ask("time of "+name, 213, "MDTM "+h.path(name))
	return strings.TrimSpace(time), err
}

func (h *ftpHost) Rename(from, to string) error {
	if _, err := h.ask(from, 350, "RNFR "+h.path(from)); err != nil {
		return h.unlessThere(from, err)
	}
	_, err := h.ask(from+" to "+to, 250, "RNTO "+h.path(to))
	if errors.Is(err, fs.ErrNotExist) && !h.isGone(from) { // RNFR has found it
		err = fmt.Errorf("%v: does the folder exist, on the same disk, and may this login write there?", err)
	}
	return err
}

func (h *ftpHost) Link(name, second string) error { return errors.ErrUnsupported }

// isGone reports whether a name is that of nothing by now: SIZE knows no folders.
func (h *ftpHost) isGone(name string) bool {
	_, err := h.Size(name)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = h.ask(name, 250, "CWD "+h.path(name))
	}
	return errors.Is(err, fs.ErrNotExist)
}

func (h *ftpHost) Remove(name string) error {
	_, err := h.ask(name, 2, "DELE "+h.path(name))
	return h.unlessThere(name, err)
}

// unlessThere is the error of a command about a file: of 550, which servers say to
// what is not there and to what is not allowed, SIZE tells which it is.
func (h *ftpHost) unlessThere(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, sizeErr := h.Size(name); errors.Is(sizeErr, fs.ErrNotExist) {
		return err
	} else if sizeErr != nil {
		return sizeErr
	}
	refusal, _ := errors.AsType[*textproto.Error](err)
	return fmt.Errorf("%s: the server says: %w: may this login do that?", name, refusal)
}

func (h *ftpHost) Rmdir(name string) error {
	_, err := h.ask(name, 2, "RMD "+h.path(name))
	return err
}

// Mkdir does not ask first whether the folder is there: Pure-FTPd replies to each
// CWD that fails 0.1 s later than to the one before.
func (h *ftpHost) Mkdir(name string, mode fs.FileMode) error {
	_, err := h.ask("make the folder "+name, 257, "MKD "+h.path(name))
	if err == nil {
		return h.Chmod(name, mode)
	}
	if _, cwdErr := h.ask(name, 250, "CWD "+h.path(name)); cwdErr != nil {
		return err
	}
	return nil
}

func (h *ftpHost) Close() error {
	h.conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(h.conn, "QUIT\r\n")
	return h.conn.Close()
}
