package live

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/settings"
)

// findKey sets the key to the site's SECRET, or to that of a file that it puts
// into the folder, which remove takes away.
func (s *site) findKey(secret, folder string) (remove func(), err error) {
	if secret == "" && folder != "" {
		cfg, _, _ := settings.Load(nil, folder) // the faults of settings are told elsewhere
		secret = cfg.Secret
	}
	if secret != "" {
		s.key = secret
		return func() {}, nil
	}
	if folder == "" {
		return nil, errors.New("proxy.cgi answers nobody without a key, and no SECRET is known here")
	}
	if !holdsProxy(folder) {
		return nil, fmt.Errorf("there is no SECRET in %s, and no proxy.cgi, beside which a key could be put", folder)
	}
	return s.putKey(folder)
}

func holdsProxy(folder string) bool {
	for _, name := range [...]string{"proxy.cgi", "proxy.fcgi"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// putKey writes a random key beside proxy.cgi. One that was left behind is
// replaced, and never written into: it may be a link. That of a check which is under
// way stays, for else neither would be answered.
func (s *site) putKey(folder string) (remove func(), err error) {
	random := make([]byte, 32)
	rand.Read(random)
	s.key = hex.EncodeToString(random)
	file := filepath.Join(folder, challenge.KeyFile)
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()).Abs() < wholeTime {
		return nil, errors.New("another check asks this site just now: ask again in a minute")
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	remove = func() {
		if made, err := f.Stat(); err == nil {
			if there, err := os.Lstat(file); err == nil && os.SameFile(made, there) {
				os.Remove(file)
			}
		}
		f.Close()
	}
	if _, err = f.WriteString(s.key); err != nil {
		remove()
		return nil, err
	}
	s.keyFile = f
	return remove, nil
}

// openKey lets others read the key, for a host that runs scripts as another
// user. They could ask what we ask, for some seconds. It is the file that was
// made, whatever its name leads to by now.
func (s *site) openKey() bool {
	return s.keyFile != nil && s.keyFile.Chmod(0o644) == nil
}
