//go:build unix

package settings

import (
	"io/fs"
	"os"
	"syscall"
)

// openNoLink opens a file that is no symbolic link.
func openNoLink(name string, flag int) (*os.File, error) {
	flag |= syscall.O_NOFOLLOW | syscall.O_NONBLOCK // a pipe without a writer would hold up open
	return os.OpenFile(name, flag, 0o600)
}

// ownerOf returns the user that a file belongs to.
func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
