//go:build !linux

package cgiproxy

// visitorConnection cannot tell here: the visitor is missed at the next write.
func visitorConnection(Environ) func() bool {
	return func() bool { return false }
}

// confirmsPort cannot tell here.
func confirmsPort(Environ) bool { return false }
