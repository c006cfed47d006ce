package ondemand

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// readProcess asks kern.proc.pid (sysctl(3)).
func readProcess(pid int) (process, error) {
	text, err := unix.SysctlRaw("kern.proc.pid", pid)
	if err != nil {
		return process{}, err
	}
	return parseKinfo(text)
}

func ownProcesses() (own []process) {
	text, err := unix.SysctlRaw("kern.proc.uid", os.Geteuid())
	for err == nil && len(text) >= kinfoSize {
		var p process
		if p, err = parseKinfo(text[:kinfoSize]); err == nil && !p.ended {
			own = append(own, p)
		}
		text = text[kinfoSize:]
	}
	return own
}

const kinfoSize = 1088 // of struct kinfo_proc where pointers have 64 bits (sys/user.h)

func parseKinfo(b []byte) (process, error) {
	if len(b) < kinfoSize || binary.NativeEndian.Uint32(b) != kinfoSize {
		return process{}, errors.New("this system shows processes in a form that is not known here")
	}
	number := func(at int) int { return int(binary.NativeEndian.Uint32(b[at:])) }
	seconds, micros := binary.NativeEndian.Uint64(b[336:]), binary.NativeEndian.Uint64(b[344:])
	const zombie = 5
	return process{
		pid:     number(72),
		group:   number(80),
		session: number(88),
		uid:     number(168),
		start:   seconds*1e6 + micros,
		ended:   b[388] == zombie,
		memory:  int64(binary.NativeEndian.Uint64(b[264:])) * int64(os.Getpagesize()),
	}, nil
}
