//go:build !(linux || darwin || freebsd || netbsd)

package settings

import (
	"io/fs"
	"time"
)

// ChangeTime returns when a file last changed.
func ChangeTime(info fs.FileInfo) time.Time { return info.ModTime() }
