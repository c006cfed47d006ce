package upstream

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// Who writes TLS_CA can be the app: it is held to the rule for files of the
// owner, which package settings tests.
func TestTLSCAOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(file string) error
		want string
	}{
		{"writable by others", func(file string) error { return errors.Join(os.WriteFile(file, nil, 0o600), os.Chmod(file, 0o666)) }, "others may write to it: set its permissions to 600"},
		{"a pipe that never ends", func(file string) error { return unix.Mkfifo(file, 0o600) }, "is no regular file"},
		{"too large", func(file string) error {
			return errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, maxTLSCA+1))
		}, "is over 2097152 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := tt.make(file); err != nil {
				t.Fatal(err)
			}
			_, err := tlsConfig(configure(t, "UPSTREAM=https://127.0.0.1:6543", "TLS_CA="+file))
			wantFailure(t, err, 500)
			testkit.WantText(t, explained(err), "CGIPROXY_TLS_CA", file+" ", tt.want)
		})
	}
}
