//go:build !unix

// No site runs here: scripts/deploy looks at the settings of one elsewhere.

package settings

import (
	"io/fs"
	"os"
)

func openNoLink(name string, flag int) (*os.File, error) { return os.OpenFile(name, flag, 0o600) }

func ownerOf(fs.FileInfo) int { return os.Geteuid() }
