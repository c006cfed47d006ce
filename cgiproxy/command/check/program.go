package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// maxProgram is many times what proxy.cgi has.
const maxProgram = 256 << 20 // bytes

// program reads a program, but nothing that would not end, such as a pipe.
func (s *site) program(name string) ([]byte, error) {
	info, err := os.Stat(s.path(name))
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxProgram:
		return nil, fmt.Errorf("%s is no program", s.path(name))
	}
	return os.ReadFile(s.path(name))
}

func checkScript(s *site) []Finding {
	if len(s.scripts) == 0 {
		return cause{"", "upload it there, in binary mode"}.fault("no proxy.cgi (or proxy.fcgi) in %s", s.folder)
	}
	return s.eachScript(func(name string) []Finding {
		program, err := s.program(name)
		if err != nil {
			return cause{"exec", "set its permissions to 755"}.fault("%v", err)
		}
		return fine("%s is there: %d bytes, SHA-256 %x", name, len(program), sha256.Sum256(program))
	})
}

// uploadAgain is the remedy where a program's content is not what was built.
func uploadAgain() cause {
	return cause{"exec", "upload it again in binary mode, compare its size with that of your own file, and set its permissions to 755"}
}

// checkSystem reads what kernels read first, the header (elf(5)). Hosts that
// cannot be asked from here are like the machine of the check.
func checkSystem(s *site) []Finding {
	return s.eachScript(func(name string) []Finding {
		program, err := s.program(name)
		if err != nil {
			return nil // see script
		}
		if len(program) == 0 {
			return uploadAgain().fault("%s is empty", name)
		}
		built := machineOf(program)
		if built == "" {
			return uploadAgain().fault("%s is no program: it does not begin as one", name)
		}
		if !runsHere(built) {
			return cause{"exec", "take the one for " + runtime.GOOS + "/" + runtime.GOARCH}.fault("%s is built for %s, and this machine is %s/%s", name, built, runtime.GOOS, runtime.GOARCH)
		}
		return fine("%s is built for %s, which runs here", name, built)
	})
}

// machineOf returns the architecture of an ELF program, "" for other files.
func machineOf(program []byte) string {
	if len(program) < 20 || string(program[:4]) != "\x7fELF" {
		return ""
	}
	switch machine := binary.LittleEndian.Uint16(program[18:]); machine {
	case 3:
		return "386"
	case 40:
		return "arm"
	case 62:
		return "amd64"
	case 183:
		return "arm64"
	default:
		return fmt.Sprintf("machine %d of elf(5)", machine)
	}
}

func runsHere(built string) bool {
	switch runtime.GOARCH {
	case "amd64", "386": // a 386 program that checks may well run on amd64
		return built == "386" || built == "amd64"
	}
	return built == runtime.GOARCH
}

// checkWhole looks for what uploads do to programs. One in ASCII mode replaces
// line ends: a program of some MiB has by chance many of each kind, so that one
// without any has been through it.
func checkWhole(s *site) []Finding {
	damaged := uploadAgain()
	damaged.trouble = "suexec"
	return s.eachScript(func(name string) []Finding {
		program, err := s.program(name)
		if err != nil || machineOf(program) == "" {
			return nil // see script, system
		}
		pairs, ends := bytes.Count(program, []byte("\r\n")), bytes.Count(program, []byte("\n"))
		switch need := sizeOf(program); {
		case len(program) >= 1<<20 && (pairs == 0 || pairs == ends):
			return damaged.fault("%s was not uploaded in binary mode: its line ends have been replaced", name)
		case need < 0:
			return damaged.fault("%s is damaged: its header makes no sense", name)
		case int64(len(program)) < need:
			return damaged.fault("%s is not whole: it has %d of %d bytes", name, len(program), need)
		}
		return fine("%s is whole", name)
	})
}

// checkRelease compares with the checksums that are in a release's archive: the
// one that was unpacked into the folder, or the one that the check runs from.
func checkRelease(s *site) []Finding {
	sums, name := s.releaseSums()
	if len(sums) == 0 {
		return nil
	}
	return s.eachScript(func(script string) []Finding {
		program, err := s.program(script)
		if err != nil {
			return nil // see script
		}
		if !slices.Contains(sums, fmt.Sprintf("%x  proxy.cgi", sha256.Sum256(program))) {
			return cause{"exec", "upload it again from the release, in binary mode"}.warning("%s is not the program whose checksum is in %s: damaged, or of another version or system", script, name)
		}
		return fine("%s is the program of %s", script, name)
	})
}

// releaseSums returns the lines of SHA256SUMS, and where they are.
func (s *site) releaseSums() (lines []string, name string) {
	folders := []string{s.folder}
	if self, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(self))
	}
	for _, folder := range folders {
		name = filepath.Join(folder, "SHA256SUMS")
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 {
			text, _ := os.ReadFile(name)
			return strings.Split(string(text), "\n"), name
		}
	}
	return nil, ""
}

// sizeOf returns how many bytes an ELF program has at least, -1 where that
// makes no sense: up to the end of its last segment and section.
func sizeOf(program []byte) int64 {
	le := binary.LittleEndian
	wide := program[4] == 2
	if len(program) < 64 {
		return -1
	}
	// e_phoff, e_shoff, and from e_phentsize on: sizes and counts.
	phoff, shoff, counts := int64(le.Uint32(program[28:])), int64(le.Uint32(program[32:])), program[42:]
	if wide {
		phoff, shoff, counts = int64(le.Uint64(program[32:])), int64(le.Uint64(program[40:])), program[54:]
	}
	table := func(at int64, size, count uint16, end func(entry []byte) int64) (most int64) {
		for i := range int64(count) {
			from, to := at+i*int64(size), at+(i+1)*int64(size)
			if from < 0 || to < from || size < 32 {
				return -1
			}
			if to > int64(len(program)) {
				return to
			}
			most = max(most, end(program[from:to]))
		}
		return most
	}
	segments := table(phoff, le.Uint16(counts), le.Uint16(counts[2:]), func(e []byte) int64 {
		if wide && len(e) >= 40 {
			return int64(le.Uint64(e[8:])) + int64(le.Uint64(e[32:])) // p_offset, p_filesz
		}
		return int64(le.Uint32(e[4:])) + int64(le.Uint32(e[16:]))
	})
	sections := table(shoff, le.Uint16(counts[4:]), le.Uint16(counts[6:]), func(e []byte) int64 {
		const noBits = 8 // takes no room in the file
		switch {
		case le.Uint32(e[4:]) == noBits:
			return 0
		case wide && len(e) >= 40:
			return int64(le.Uint64(e[24:])) + int64(le.Uint64(e[32:])) // sh_offset, sh_size
		}
		return int64(le.Uint32(e[16:])) + int64(le.Uint32(e[20:]))
	})
	if segments < 0 || sections < 0 {
		return -1
	}
	return max(segments, sections)
}

func checkExecutable(s *site) []Finding {
	return s.eachScript(func(name string) []Finding {
		info, err := os.Stat(s.path(name))
		if err != nil {
			return nil // see link
		}
		if info.Mode().Perm()&0o100 == 0 {
			return cause{"exec", "set its permissions to 755"}.fault("%s has permissions %03o: it may not be run", name, info.Mode().Perm())
		}
		if info.Mode().Perm()&0o001 == 0 {
			return cause{"exec", "set its permissions to 755 if pages are 500"}.warning("%s has permissions %03o: only its owner may run it, which is too little where scripts run as another user", name, info.Mode().Perm())
		}
		return fine("%s may be run (permissions %03o)", name, info.Mode().Perm())
	})
}

func checkMount(s *site) []Finding {
	if noExec(s.folder) {
		return cause{"exec", "the host runs no programs there: try cgi-bin, or ask it"}.fault("%s is on a file system that is mounted noexec", s.folder)
	}
	return nil
}
