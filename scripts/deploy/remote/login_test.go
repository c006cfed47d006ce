package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
)

// TestLogin has what servers say to who logs in: it is quoted, and where the
// connection is what they refuse, that is said.
func TestLogin(t *testing.T) {
	const write = ": write ftps:// in place of ftp://"
	for _, c := range []struct{ name, scheme, user, pass, want string }{
		{"vsftpd, in the clear", "ftp", "530 Non-anonymous sessions must use encryption.", "", "the server says 530 Non-anonymous sessions must use encryption." + write},
		{"ProFTPD, in the clear", "ftp", "550 SSL/TLS required on the control channel", "", "the server says 550 SSL/TLS required on the control channel" + write},
		{"Pure-FTPd, in the clear", "ftp", "421 Sorry, cleartext sessions and weak ciphers are not accepted on this server.", "", "on this server." + write},
		{"a wrong password", "ftp", "", "530 Login incorrect.", "the server refuses name or password: it says 530 Login incorrect."},
		{"with TLS", "ftps", "", "530 TLS certificate of yours not accepted", "the server refuses name or password: it says 530 TLS"},
		{"another reply", "ftps", "", "532 need account", "the server says 532 need account"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := (&scriptedServer{user: c.user, pass: c.pass}).start(t, c.scheme)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), write) != strings.HasSuffix(c.want, write) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestNotTrusted has what is wrong with a certificate, each with its remedy.
func TestNotTrusted(t *testing.T) {
	named := &x509.Certificate{DNSNames: []string{"web7.example.com"}}
	for _, c := range []struct {
		name      string
		err       error
		want, not string
	}{
		{"another name", x509.HostnameError{Certificate: named, Host: "example.com"}, "write the host's name as its certificate has it", "SSL_CERT_FILE"},
		{"an unknown maker", x509.UnknownAuthorityError{}, "an environment variable: SSL_CERT_FILE=/path/ca.pem proxycgi-deploy", "as its certificate has it"},
		{"too old", x509.CertificateInvalidError{Reason: x509.Expired}, "expired", "SSL_CERT_FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := notTrusted(&tls.CertificateVerificationError{Err: c.err})
			if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, c.not) || !errors.Is(err, c.err) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
