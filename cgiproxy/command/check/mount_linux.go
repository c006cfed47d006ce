package check

import "golang.org/x/sys/unix"

// noExec reports whether no program of a folder can be run (statfs(2)).
func noExec(folder string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(folder, &stat) == nil && stat.Flags&unix.MS_NOEXEC != 0
}
