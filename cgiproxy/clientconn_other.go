//go:build !linux

package cgiproxy

// ClientGone cannot tell here: the client is missed at the next write.
func ClientGone(Environ) func() bool {
	return func() bool { return false }
}

// confirmsPort cannot tell here.
func confirmsPort(Environ) bool { return false }
