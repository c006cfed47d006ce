// Package remote is the folders of a host: at the end of FTP or SFTP, or on
// this machine.
//
//	remote.go   what a host can do, and which one a URL names
//	dial.go     the way to it; retry.go: a host whose connection may break
//	ftp.go      FTP; ftplogin.go: plain or under TLS; ftpdata.go: its second
//	            connection; ftplist.go: its listings
//	sftp.go     SFTP
//	folder.go   a folder of this machine
package remote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Host holds files. Names have slashes, and are relative to where a login
// begins. What is not there is fs.ErrNotExist; where the connection has broken
// off, the error is errBroken.
type Host interface {
	// List returns what is in a folder, names that begin with a dot included.
	List(folder string) ([]Entry, error)

	// Real returns the whole path of a folder, where links lead to.
	Real(folder string) (string, error)

	// Size returns the length of a file in bytes.
	Size(name string) (int64, error)

	// Read returns a file from an offset on, of at most so many bytes: one that is
	// longer is ErrTooLong.
	Read(name string, offset, most int64) ([]byte, error)

	// Write makes a file, or replaces what is in it; tell is told of each piece. On
	// the way others may read it, whatever mode says: FTP has a mode only for what
	// is there, and some servers upload under another name (HiddenStores of ProFTPD).
	// What they may not read goes to a folder that they may not enter.
	Write(name string, content []byte, mode fs.FileMode, tell func(bytes int)) error

	// Chmod changes the permissions of a file.
	Chmod(name string, mode fs.FileMode) error

	// Touch gives a file the time of now, where the host can.
	Touch(name string) error

	// Rename moves a file, in the place of one that is there.
	Rename(from, to string) error

	// Link gives a file a second name, which is that of nothing yet. FTP cannot.
	Link(name, second string) error

	Remove(name string) error

	// Mkdir makes a folder, with these permissions, unless it is there.
	Mkdir(name string, mode fs.FileMode) error

	// Rmdir removes a folder that is empty.
	Rmdir(name string) error

	Close() error
}

// An Entry is a file or folder.
type Entry struct {
	Name string
	Size int64
	Mode fs.FileMode // Type says folder and link
}

// A Target is where to deploy to.
type Target struct {
	Scheme string // ftp, ftps, sftp or "" for a folder of this machine
	Host   string // with its port
	User   string
	Folder string // as Host has it

	Insecure bool        // plain FTP is allowed
	TLS      *tls.Config // nil for the usual one

	met bool // there was a connection
}

var ports = map[string]string{"ftp": "21", "ftps": "21", "sftp": "22"}

// ParseTarget reads ftps://me@host/public_html, or a folder's name.
func ParseTarget(text string) (*Target, error) {
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL {
		if login := asURL(text); login != "" {
			return nil, fmt.Errorf("that is no folder of this machine: if it is a login on a host, write it like %s", login)
		}
		folder, err := filepath.Abs(text)
		return &Target{Folder: filepath.ToSlash(folder)}, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: write it like ftps://me@example.com/public_html", scheme+"://...")
	}
	if strings.ContainsAny(text, "?#") {
		return nil, fmt.Errorf("%q: in a folder's name write ? as %%3F and # as %%23", u.Scheme+"://..."+u.Path)
	}
	if _, has := u.User.Password(); has {
		return nil, fmt.Errorf("the password does not belong on the command line, where others see it: leave it out of the URL, and type it when asked, or put it into PROXYCGI_PASSWORD or ~/.netrc")
	}
	if ports[u.Scheme] == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no address to deploy to: write it like ftps://me@example.com/public_html", text)
	}
	t := &Target{Scheme: u.Scheme, Host: u.Host, User: u.User.Username(), Folder: path.Clean(strings.TrimPrefix(u.Path, "/"))}
	if u.Port() == "" {
		t.Host += ":" + ports[u.Scheme]
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || badName(t.Folder) {
		return nil, fmt.Errorf("%q has a control byte", text)
	}
	return t, nil
}

// asURL returns the URL for a login that is written as scp takes it, or without
// its scheme: me@example.com:public_html. For a folder's name it is "".
func asURL(text string) string {
	user, rest, ok := strings.Cut(text, "@")
	if !ok || strings.ContainsAny(user, `/\`) || rest == "" {
		return ""
	}
	if _, err := os.Stat(text); err == nil {
		return ""
	}
	if strings.Contains(user, ":") { // with a password, which is not shown
		return "ftps://me@example.com/public_html"
	}
	host, folder, ok := strings.Cut(rest, ":")
	if port, _, _ := strings.Cut(folder, "/"); ok && !isNumber(port) {
		rest = host + "/" + folder
	}
	return "ftps://" + user + "@" + rest
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// String writes a target as ParseTarget reads it, without the usual port.
func (t *Target) String() string {
	if t.Scheme == "" {
		return t.Folder
	}
	u := url.URL{Scheme: t.Scheme, Host: strings.TrimSuffix(t.Host, ":"+ports[t.Scheme]), Path: "/" + t.Folder}
	if t.User != "" {
		u.User = url.User(t.User)
	}
	if t.Folder == "." {
		u.Path = "/"
	}
	return u.String()
}

// Open connects, and connects again where the connection breaks off.
func (t *Target) Open(password string, tell func(format string, args ...any)) (Host, error) {
	var dial func() (Host, error)
	switch t.Scheme {
	case "":
		return folder{}, nil
	case "sftp":
		dial = func() (Host, error) { return dialSFTP(t, password) }
	case "ftp":
		if !t.Insecure {
			return nil, fmt.Errorf("ftp:// sends the password and all files in the clear: use ftps:// or sftp:// if the host has it, else say --insecure")
		}
		dial = func() (Host, error) { return dialFTP(t, password) }
	default:
		dial = func() (Host, error) { return dialFTP(t, password) }
	}
	r := &retrying{dial: dial, tell: tell}
	return r, r.do(func(Host) error { return nil })
}

// ErrTooLong is wrapped by errors of a host that sends more than it may: nobody's
// memory has room for a file, a list or a reply without an end.
var ErrTooLong = errors.New("longer than expected")

// ErrFull is wrapped by errors of a host that has no room for a file.
var ErrFull = errors.New("free some space or quota, and run this again")

// readMost reads to the end, if that comes within so many bytes.
func readMost(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLong, most)
	}
	return text, err
}

// ioTime bounds each exchange with the host, and each piece of a file.
var ioTime = 30 * time.Second

// badName reports whether a name could be taken for a second command.
func badName(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
