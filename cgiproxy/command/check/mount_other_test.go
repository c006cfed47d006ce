//go:build !linux

package check

func mountNoExec(s *testSite) { s.t.Skip("whether a mount is noexec is seen on Linux only") }
