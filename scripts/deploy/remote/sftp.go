package remote

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// An sftpHost is SFTP over SSH.
type sftpHost struct {
	ssh *ssh.Client
	*sftp.Client
}

func dialSFTP(t *Target, password string) (Host, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	known, err := knownhosts.New(filepath.Join(home, ".ssh", "known_hosts"))
	if err != nil {
		return nil, fmt.Errorf("%w: connect once with ssh or sftp, which shows the host's key and keeps it there", err)
	}
	config := &ssh.ClientConfig{
		User:              t.User,
		Auth:              sshAuth(filepath.Join(home, ".ssh"), password),
		HostKeyCallback:   known,
		HostKeyAlgorithms: knownAlgorithms(known, t.Host),
	}
	tcp, err := t.dial()
	if err != nil {
		return nil, err
	}
	conn, channels, requests, err := ssh.NewClientConn(&dataConn{Conn: tcp}, t.Host, config)
	if key, ok := errors.AsType[*knownhosts.KeyError](err); ok {
		if len(key.Want) > 0 {
			return nil, fmt.Errorf("the key of %s is not the one in ~/.ssh/known_hosts: ask the host whether it has changed it; it may be somebody else's machine", t.Host)
		}
		return nil, fmt.Errorf("the key of %s is not in ~/.ssh/known_hosts: connect once with ssh or sftp, which shows it, and keeps it there", t.Host)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) {
		return nil, broken(err)
	}
	if err != nil {
		return nil, fmt.Errorf("log in as %s at %s: %w", t.User, t.Host, refusal(err))
	}
	client := ssh.NewClient(conn, channels, requests)
	go keepAlive(client)
	files, err := sftp.NewClient(client)
	if err != nil {
		client.Close()
		return nil, sftpError("start SFTP", err)
	}
	return &sftpHost{client, files}, nil
}

// refusal is an error of package ssh, which of a server that lets in nobody tells the
// message's number alone (RFC 4252, section 6), where that asks nothing in the end: so does
// OpenSSH without PAM.
func refusal(err error) error {
	if strings.Contains(err.Error(), "unexpected message type 51 ") {
		return errors.New("the server refuses name, key or password")
	}
	return err
}

// keepAlive has something come from the server now and then, until the connection
// ends: where nothing comes for ioTime it has broken off.
func keepAlive(client *ssh.Client) {
	for {
		if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
		time.Sleep(ioTime / 3)
	}
}

// knownAlgorithms asks for the kinds of key that are known: of another kind the
// host would have a key that is not.
func knownAlgorithms(known ssh.HostKeyCallback, host string) (algorithms []string) {
	none, err := ssh.NewPublicKey(make(ed25519.PublicKey, ed25519.PublicKeySize)) // which nobody has
	if err != nil {
		return nil
	}
	key, ok := errors.AsType[*knownhosts.KeyError](known(host, &net.TCPAddr{}, none))
	if !ok {
		return nil
	}
	for _, k := range key.Want {
		kind := k.Key.Type()
		if kind == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		algorithms = append(algorithms, kind)
	}
	return algorithms
}

// sftpError tells a refusal, which has a status, from a connection that broke
// off.
func sftpError(what string, err error) error {
	switch status, refused := errors.AsType[*sftp.StatusError](err); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, ErrTooLong):
		return fmt.Errorf("%s: %w", what, err)
	case refused && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
		return fmt.Errorf("%s: the server says: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, broken(err))
}

func (h *sftpHost) List(folder string) ([]Entry, error) {
	infos, err := h.Client.ReadDir(folder)
	var list []Entry
	for _, info := range infos {
		list = append(list, Entry{info.Name(), info.Size(), info.Mode()})
	}
	return list, sftpError(folder, err)
}

func (h *sftpHost) Real(folder string) (string, error) {
	real, err := h.Client.RealPath(folder)
	return real, sftpError(folder, err)
}

func (h *sftpHost) Size(name string) (int64, error) {
	info, err := h.Client.Stat(name)
	if err != nil {
		return 0, sftpError(name, err)
	}
	return info.Size(), nil
}

func (h *sftpHost) Read(name string, offset, most int64) ([]byte, error) {
	f, err := h.Client.Open(name)
	if err != nil {
		return nil, sftpError(name, err)
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, sftpError(name, err)
	}
	text, err := readMost(f, most)
	return text, sftpError(name, err)
}

func (h *sftpHost) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	err := h.write(name, content, mode, tell)
	if status, ok := errors.AsType[*sftp.StatusError](err); ok && status.FxCode() == sftp.ErrSSHFxFailure { // the protocol has no word for it
		err = fmt.Errorf("%w: the disk or quota may be full: %w", err, ErrFull)
	}
	return err
}

func (h *sftpHost) write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	f, err := h.Client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return sftpError(name, err)
	}
	defer f.Close()
	if err := f.Chmod(mode); err != nil { // before there is anything to read
		return sftpError("permissions of "+name, err)
	}
	// Many pieces under way at once: each alone would wait for its reply.
	if _, err := f.ReadFromWithConcurrency(&told{bytes.NewReader(content), tell}, 16); err != nil {
		return sftpError(name, err)
	}
	return sftpError(name, f.Close())
}

// told tells what is read of it.
type told struct {
	*bytes.Reader
	tell func(int)
}

func (r *told) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.tell(n)
	return n, err
}

func (h *sftpHost) Chmod(name string, mode fs.FileMode) error {
	return sftpError("permissions of "+name, h.Client.Chmod(name, mode))
}

func (h *sftpHost) Touch(name string) error {
	now := time.Now()
	return sftpError("time of "+name, h.Client.Chtimes(name, now, now))
}

func (h *sftpHost) Rename(from, to string) error {
	return sftpError(from+" to "+to, h.Client.PosixRename(from, to))
}

func (h *sftpHost) Link(name, second string) error {
	return sftpError(name+" as "+second, h.Client.Link(name, second))
}

func (h *sftpHost) Remove(name string) error { return sftpError(name, h.Client.Remove(name)) }

func (h *sftpHost) Rmdir(name string) error { return sftpError(name, h.Client.RemoveDirectory(name)) }

func (h *sftpHost) Mkdir(name string, mode fs.FileMode) error {
	if info, err := h.Client.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := h.Client.Mkdir(name); err != nil {
		return sftpError("make the folder "+name, err)
	}
	return h.Chmod(name, mode)
}

func (h *sftpHost) Close() error {
	h.Client.Close()
	return h.ssh.Close()
}
