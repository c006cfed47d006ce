package check

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The limits are those of the process that checks: a host mostly sets the same
// for shells and scripts, or lets .htaccess say them.

// What Go needs of address space, most of which it only reserves.
const (
	spaceAMD64 = 1400 << 20
	space386   = 60 << 20
)

// limit returns the limit of a resource, and whether there is one.
func limit(resource int) (most uint64, ok bool) {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil || uint64(r.Cur) >= 1<<62 {
		return 0, false
	}
	return uint64(r.Cur), true
}

func checkMemory(s *site) (all []Finding) {
	most, ok := limit(unix.RLIMIT_AS)
	from := "this shell"
	for _, d := range s.lines("rlimitmem") {
		first, _, _ := strings.Cut(d.args, " ")
		if n, err := strconv.ParseUint(first, 10, 64); err == nil && (!ok || n < most) {
			most, ok, from = n, true, d.place()
		}
	}
	if !ok {
		return fine("the address space is not limited")
	}
	all = s.eachScript(func(name string) []Finding {
		program, err := s.program(name)
		if err != nil {
			return nil
		}
		switch built := machineOf(program); {
		case built != "386" && built != "arm" && most < spaceAMD64:
			return cause{"memory", "take linux/386, or have the host raise the limit (ulimit -v, RLimitMEM)"}.fault("%s has %d MiB of address space, and %s for %s needs %d MiB", from, most>>20, name, built, spaceAMD64>>20)
		case most < space386:
			return cause{"memory", "have the host raise the limit (ulimit -v, RLimitMEM)"}.fault("%s has %d MiB of address space, and %s needs %d MiB", from, most>>20, name, space386>>20)
		}
		return nil
	})
	if all == nil {
		return fine("the address space is limited to %d MiB, which is enough", most>>20)
	}
	return all
}

func checkProcesses(*site) []Finding {
	// A request takes 4 threads at rest and up to 6; the app has some, too.
	const few = 40
	most, ok := limit(unix.RLIMIT_NPROC)
	switch {
	case !ok:
		return fine("the number of processes is not limited")
	case most < few:
		return cause{"threads", "ask the host for more (ulimit -u), let the app start fewer workers, and keep event streams few"}.warning("the host allows %d processes, threads included: each request takes 4 of them", most)
	}
	return fine("%d processes are allowed, threads included", most)
}

func checkOpenFiles(*site) []Finding {
	const few = 64
	most, ok := limit(unix.RLIMIT_NOFILE)
	switch {
	case !ok:
		return fine("the number of open files is not limited")
	case most < few:
		return cause{"", "ask the host for more (ulimit -n)"}.warning("a process may have %d open files", most)
	}
	return fine("%d open files are allowed", most)
}

func checkCPU(s *site) []Finding {
	most, ok := limit(unix.RLIMIT_CPU)
	from := "this shell"
	for _, d := range s.lines("rlimitcpu") {
		first, _, _ := strings.Cut(d.args, " ")
		if n, err := strconv.ParseUint(first, 10, 64); err == nil && (!ok || n < most) {
			most, ok, from = n, true, d.place()
		}
	}
	const few = 10 // seconds; a large download takes some
	switch {
	case !ok:
		return fine("the processor time is not limited")
	case s.cfg.Start != "":
		return cause{"", "ask the host for more (ulimit -t, RLimitCPU), or start the app by other means"}.warning("%s has %d s of processor time, and so has the app that a request starts: it is ended after that", from, most)
	case most < few:
		return cause{"", "ask the host for more (ulimit -t, RLimitCPU)"}.warning("%s has %d s of processor time: large uploads and downloads may be cut", from, most)
	}
	return fine("%d s of processor time are allowed", most)
}
