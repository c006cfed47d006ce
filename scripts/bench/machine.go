package main

// What the figures were measured on, without which they mean nothing.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

type machine struct {
	date, commit, cpu, kernel, apache, load string
	cores                                   int
}

func thisMachine() machine {
	return machine{
		date:   time.Now().UTC().Format("2006-01-02"),
		commit: firstLine("git", "describe", "--always", "--dirty"),
		cpu:    cpuModel(),
		kernel: readWord("/proc/sys/kernel/osrelease"),
		apache: apacheVersion(),
		load:   readWord("/proc/loadavg"),
		cores:  runtime.NumCPU(),
	}
}

// String says all.
func (m machine) String() string {
	return fmt.Sprintf("Measured on %s at commit %s: %s, %d cores, Linux %s, %s/%s, %s, %s; load average at the start %s.",
		m.date, m.commit, m.cpu, m.cores, m.kernel, runtime.GOOS, runtime.GOARCH, runtime.Version(), m.apache, m.load)
}

// short is a line for the picture.
func (m machine) short() string {
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, %s; measured %s at %s", m.cpu, m.cores, m.kernel, runtime.Version(), m.apache, m.date, m.commit)
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// readWord returns the first word of a file.
func readWord(path string) string {
	text, _ := os.ReadFile(path)
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return "unknown"
	}
	return fields[0]
}

func apacheVersion() string {
	for _, program := range []string{"apache2", "/usr/sbin/apache2"} {
		if path, err := exec.LookPath(program); err == nil {
			// "Server version: Apache/2.4.71 (Debian)"
			_, version, _ := strings.Cut(firstLine(path, "-v"), ": ")
			return version
		}
	}
	return "no Apache"
}

// firstLine returns the first line a command prints, "unknown" where it fails.
func firstLine(name string, args ...string) string {
	text, err := output(context.Background(), name, args...)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}
