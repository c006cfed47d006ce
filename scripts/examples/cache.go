// What takes long is made once for all runs.

package examples

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cached returns a folder of the user's cache that fill has made of the files, in
// temp or in a folder below it, which it returns. The folder gets its name when
// it is complete: another run may be at it, or be killed.
func Cached(name string, files fs.FS, fill func(temp string) (folder string, err error)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum, err := hash(files)
	if err != nil {
		return "", err
	}
	cached := filepath.Join(cache, "proxycgi-test", fmt.Sprintf("%s-%.8x", name, sum))
	if _, err := os.Stat(cached); err == nil {
		return cached, nil
	}
	if err := os.MkdirAll(filepath.Dir(cached), 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(filepath.Dir(cached), "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	folder, err := fill(temp)
	if err != nil {
		return "", err
	}
	if err := os.Rename(folder, cached); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return cached, nil
}

func hash(files fs.FS) ([]byte, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
		return err
	})
	return sum.Sum(nil), err
}
