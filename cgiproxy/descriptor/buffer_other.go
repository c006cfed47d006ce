//go:build !linux

package descriptor

// HasUnread cannot tell here, and reports false.
func HasUnread(int) bool { return false }

// GrowBuffer does nothing here: the room of a pipe is the system's own.
func GrowBuffer(int, int) {}
