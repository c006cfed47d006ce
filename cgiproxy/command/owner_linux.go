package command

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// boundLimits lowers the hard limits to those of process 1, which are what a login
// begins with (pam_limits(8)): root may have raised its own.
func boundLimits() error { return boundLimitsBy(1) }

func boundLimitsBy(pid int) error {
	for resource := range 16 { // RLIM_NLIMITS
		var theirs, ours unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &theirs) != nil || unix.Prlimit(0, resource, nil, &ours) != nil {
			continue // some containers hide process 1
		}
		if ours.Max <= theirs.Max {
			continue
		}
		ours.Cur, ours.Max = min(ours.Cur, theirs.Max), theirs.Max
		if err := unix.Prlimit(0, resource, &ours, nil); err != nil {
			return err
		}
	}
	return nil
}

// joinNewKeyring leaves the session keyring of root's login, whose keys whoever is
// in it may read and revoke (session-keyring(7)). A keyring is a thread's: this one
// stays the thread of who calls, for what that starts. No name is given, for a keyring
// of that name may be there already, of another.
func joinNewKeyring() error {
	runtime.LockOSThread()
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // without keys, or a filter of a container, which the app has, too
		return nil
	}
	return err
}
