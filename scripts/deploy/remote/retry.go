package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// errBroken is wrapped by errors of the connection: what was asked for may have
// been done or not.
var errBroken = errors.New("the connection broke off")

// IsBroken reports whether an error is one of the connection.
func IsBroken(err error) bool { return errors.Is(err, errBroken) }

func broken(err error) error { return fmt.Errorf("%w: %w", errBroken, err) }

// attempts is how often one thing is tried, retryPause the time before the
// second, which doubles.
const attempts = 4

var retryPause = time.Second

// SetRetryPause is for tests, and for the length of one.
func SetRetryPause(t interface{ Cleanup(func()) }, pause time.Duration) {
	before := retryPause
	retryPause = pause
	t.Cleanup(func() { retryPause = before })
}

// A retrying is a Host that connects again.
type retrying struct {
	dial func() (Host, error)
	tell func(format string, args ...any)
	mu   sync.Mutex // one thing at a time, though several ask
	host Host
}

// do does something on a connection, which it makes anew where it broke off.
func (r *retrying) do(what func(Host) error) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range attempts {
		if i > 0 {
			r.tell("%v; trying again\n", err)
			time.Sleep(retryPause << (i - 1))
		}
		if r.host == nil {
			if r.host, err = r.dial(); err != nil {
				r.host = nil
			}
		}
		if r.host != nil {
			if err = what(r.host); errors.Is(err, errBroken) {
				r.host.Close()
				r.host = nil
			}
		}
		if !errors.Is(err, errBroken) {
			return err
		}
	}
	return fmt.Errorf("%w, %d times: run this again when the network is there", err, attempts)
}

func (r *retrying) List(folder string) (list []Entry, err error) {
	err = r.do(func(h Host) (err error) { list, err = h.List(folder); return err })
	return list, err
}

func (r *retrying) Real(folder string) (real string, err error) {
	err = r.do(func(h Host) (err error) { real, err = h.Real(folder); return err })
	return real, err
}

func (r *retrying) Size(name string) (size int64, err error) {
	err = r.do(func(h Host) (err error) { size, err = h.Size(name); return err })
	return size, err
}

func (r *retrying) Read(name string, offset, most int64) (text []byte, err error) {
	err = r.do(func(h Host) (err error) { text, err = h.Read(name, offset, most); return err })
	return text, err
}

func (r *retrying) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	return r.do(func(h Host) error {
		sent := 0
		err := h.Write(name, content, mode, func(n int) { sent += n; tell(n) })
		if err != nil {
			tell(-sent) // it begins anew
		}
		return err
	})
}

func (r *retrying) Chmod(name string, mode fs.FileMode) error {
	return r.do(func(h Host) error { return h.Chmod(name, mode) })
}

func (r *retrying) Touch(name string) error {
	return r.do(func(h Host) error { return h.Touch(name) })
}

func (r *retrying) Mkdir(name string, mode fs.FileMode) error {
	return r.do(func(h Host) error { return h.Mkdir(name, mode) })
}

// Rename counts as done where a second attempt finds nothing to move: the first
// one did, and only its reply got lost.
func (r *retrying) Rename(from, to string) error {
	again := false
	return r.do(func(h Host) error {
		if again {
			if _, err := h.Size(from); errors.Is(err, fs.ErrNotExist) {
				if _, err := h.Size(to); err == nil {
					return nil
				}
			}
		}
		again = true
		return h.Rename(from, to)
	})
}

// Link counts as done where a second attempt finds the second name.
func (r *retrying) Link(name, second string) error {
	again := false
	return r.do(func(h Host) error {
		if again {
			if _, err := h.Size(second); err == nil {
				return nil
			}
		}
		again = true
		return h.Link(name, second)
	})
}

// Remove counts as done in the same way.
func (r *retrying) Remove(name string) error {
	return r.remove(func(h Host) error { return h.Remove(name) })
}

func (r *retrying) Rmdir(name string) error {
	return r.remove(func(h Host) error { return h.Rmdir(name) })
}

func (r *retrying) remove(what func(Host) error) error {
	again := false
	return r.do(func(h Host) error {
		err := what(h)
		if again && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		again = true
		return err
	})
}

func (r *retrying) Close() error {
	if r.host == nil {
		return nil
	}
	return r.host.Close()
}
