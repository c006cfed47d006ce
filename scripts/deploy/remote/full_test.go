package remote

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/pkg/sftp"
)

// A fullDisk has room for names, and for nothing in them.
type fullDisk struct{}

func (fullDisk) Filecmd(*sftp.Request) error                    { return nil }
func (fullDisk) Fileread(*sftp.Request) (io.ReaderAt, error)    { return nil, errors.New("no") }
func (fullDisk) Filelist(*sftp.Request) (sftp.ListerAt, error)  { return nil, errors.New("no") }
func (d fullDisk) Filewrite(*sftp.Request) (io.WriterAt, error) { return d, nil }
func (fullDisk) WriteAt([]byte, int64) (int, error)             { return 0, syscall.ENOSPC }

// TestDiskFullSFTP has what SFTP says of it, which is "Failure" alone.
func TestDiskFullSFTP(t *testing.T) {
	here, there := net.Pipe()
	server := sftp.NewRequestServer(there, sftp.Handlers{FileGet: fullDisk{}, FilePut: fullDisk{}, FileCmd: fullDisk{}, FileList: fullDisk{}})
	go server.Serve()
	client, err := sftp.NewClientPipe(here, here)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := (&sftpHost{nil, client}).Write("a", []byte("x"), 0o644, func(int) {}); !errors.Is(err, ErrFull) {
		t.Errorf("said is %v, want %v", err, ErrFull)
	}
}
