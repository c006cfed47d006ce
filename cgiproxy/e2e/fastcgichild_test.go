package e2e

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFastCGIInheritedChild: a process that has taken over from itself has the
// app that was started before as its child, and must wait for it. Here a shell
// starts the child, and becomes proxy.fcgi.
func TestFastCGIInheritedChild(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
		t.Skipf("this kernel does not list the children of a process (CONFIG_PROC_CHILDREN), without which proxy.fcgi does not know them: %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "fastcgi.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat <&3 >/dev/null & echo $!; exec "$0"`, binary)
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = socket, os.Stderr, []*os.File{reader}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}()
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	writer.Close() // which ends the child
	for deadline := time.Now().Add(patience); syscall.Kill(child, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child stays a zombie")
		}
	}
}
