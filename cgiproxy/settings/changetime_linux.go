package settings

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime returns when a file last changed by the kernel's own clock (ctime of
// stat(2)). The file's time may be what it was before: who uploads a file or puts a
// backup back can set it (cp -p).
func ChangeTime(info fs.FileInfo) time.Time {
	return time.Unix(info.Sys().(*syscall.Stat_t).Ctim.Unix())
}
