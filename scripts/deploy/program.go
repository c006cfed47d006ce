package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A program is the proxy.cgi to upload.
type program struct {
	file    string
	content []byte
	example string // the htaccess.example beside it
	version string
}

// findProgram reads the proxy.cgi for the host, "" for the one beside this
// program or in the current folder.
func findProgram(file string) (*program, error) {
	if file == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		file = "proxy.cgi"
		if beside := filepath.Join(filepath.Dir(self), file); isFile(beside) {
			file = beside
		}
	}
	p := &program{file: file}
	var err error
	if p.content, err = os.ReadFile(file); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: run this in the folder of the archive, or name the proxy.cgi for the host with --binary", file)
	} else if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(p.content))
	if err != nil || info.Main.Path != "proxy.cgi" {
		return nil, fmt.Errorf("%s is not proxy.cgi, or not whole: take it out of the archive again", file)
	}
	for _, s := range info.Settings {
		if s.Key == "GOOS" && s.Value != "linux" && s.Value != "freebsd" {
			return nil, fmt.Errorf("%s is built for %s, and the host runs Linux: name the one for linux/amd64 with --binary", file, s.Value)
		}
	}
	p.version = info.Main.Version
	example, err := os.ReadFile(filepath.Join(filepath.Dir(file), "htaccess.example"))
	if err != nil {
		return nil, fmt.Errorf("%w: it must be beside proxy.cgi, as in the archive", err)
	}
	p.example = string(example)
	return p, nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
