package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
)

// dialFTP connects and logs in. ftps:// is AUTH TLS, but on port 990, where TLS
// comes first.
func dialFTP(t *Target, password string) (Host, error) {
	name, port, err := net.SplitHostPort(t.Host)
	if err != nil {
		return nil, err
	}
	h := &ftpHost{}
	if t.Scheme == "ftps" {
		h.tls = sessionConfig(t.TLS, name)
	}
	if h.conn, err = t.dial(); err != nil {
		return nil, err
	}
	if h.tls != nil && port == "990" {
		h.conn = tls.Client(h.conn, h.tls)
	}
	h.listen()
	if err := h.login(t, password); err != nil {
		h.conn.Close()
		return nil, err
	}
	return h, nil
}

func (h *ftpHost) login(t *Target, password string) error {
	if _, _, err := h.reply(220); err != nil {
		return ftpError("connect to "+t.Host, err)
	}
	if h.tls != nil {
		if err := h.startTLS(); err != nil {
			return err
		}
	}
	code, text, err := h.exchange(0, "USER "+t.User)
	if err == nil && code == 331 {
		code, text, err = h.exchange(0, "PASS "+password)
	}
	if goodbye, ok := errors.AsType[*textproto.Error](err); ok { // as Pure-FTPd's 421 to who comes without TLS
		code, text = goodbye.Code, goodbye.Msg
	}
	switch {
	case code != 0 && h.tls == nil && wantsTLS(text):
		return fmt.Errorf("log in as %s at %s: the server says %d %s: write ftps:// in place of ftp://", t.User, t.Host, code, text)
	case err != nil:
		return ftpError("log in", err)
	case code == 530:
		return fmt.Errorf("log in as %s at %s: the server refuses name or password: it says %d %s", t.User, t.Host, code, text)
	case code/100 != 2:
		return fmt.Errorf("log in as %s at %s: the server says %d %s", t.User, t.Host, code, text)
	}
	if _, err := h.ask("binary mode", 200, "TYPE I"); err != nil {
		return err
	}
	h.home, err = h.current()
	return err
}

// current returns the folder in which the server is.
func (h *ftpHost) current() (folder string, err error) {
	reply, err := h.ask("find the login's folder", 257, "PWD")
	if _, quoted, ok := strings.Cut(reply, `"`); err == nil && ok {
		folder = strings.ReplaceAll(quoted[:max(strings.LastIndex(quoted, `"`), 0)], `""`, `"`)
	}
	return folder, err
}

// wantsTLS reports whether a server refuses a login because it is in the clear.
func wantsTLS(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"encrypt", "tls", "ssl", "cleartext"}, func(word string) bool {
		return strings.Contains(text, word)
	})
}

// startTLS makes the control connection, and all data connections, TLS.
func (h *ftpHost) startTLS() error {
	if _, ok := h.conn.(*tls.Conn); !ok {
		if _, err := h.ask("start TLS", 234, "AUTH TLS"); err != nil {
			return fmt.Errorf("%w: if the host has no FTPS, try sftp://, or ftp:// with --insecure", err)
		}
		secure := tls.Client(h.conn, h.tls)
		h.conn = secure
		h.listen()
	}
	if err := h.conn.(*tls.Conn).Handshake(); err != nil {
		if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return notTrusted(certificate)
		}
		return broken(err)
	}
	if _, err := h.ask("protect data", 200, "PBSZ 0"); err != nil {
		return err
	}
	_, err := h.ask("protect data", 200, "PROT P")
	return err
}

// notTrusted says what to do about a certificate.
func notTrusted(err error) error {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("write the host's name as its certificate has it (often its own, not yours): %w", err)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("this machine does not know who made the host's certificate, which may be the host itself: try the host's own name, or get the file with its CA from the host and say where it is in an environment variable: SSL_CERT_FILE=/path/ca.pem proxycgi-deploy ... (on macOS and Windows have the system trust it): %w", err)
	}
	return fmt.Errorf("the host's certificate does not hold, ask the host for another: %w", err)
}
