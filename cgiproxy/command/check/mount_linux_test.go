package check

import "golang.org/x/sys/unix"

// mountNoExec puts the site on a file system that runs no programs.
func mountNoExec(s *testSite) {
	if err := unix.Mount("tmpfs", s.folder, "tmpfs", unix.MS_NOEXEC, "size=1m,mode=755"); err != nil {
		s.t.Skipf("no file system can be mounted here: %v", err)
	}
	s.t.Cleanup(func() { unix.Unmount(s.folder, unix.MNT_DETACH) })
	s.write("proxy.cgi", smallProgram, 0o755)
}
