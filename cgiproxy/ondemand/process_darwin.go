package ondemand

import (
	"os"

	"golang.org/x/sys/unix"
)

// readProcess asks kern.proc.pid (sysctl(3)).
func readProcess(pid int) (process, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return process{}, err
	}
	return fromKinfo(info), nil
}

func ownProcesses() (own []process) {
	infos, _ := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Geteuid())
	for i := range infos {
		if p := fromKinfo(&infos[i]); !p.ended {
			own = append(own, p)
		}
	}
	return own
}

func fromKinfo(info *unix.KinfoProc) process {
	const zombie = 5
	pid := int(info.Proc.P_pid)
	session, _ := unix.Getsid(pid)
	began := info.Proc.P_starttime
	return process{
		pid:     pid,
		group:   int(info.Eproc.Pgid),
		session: session,
		uid:     int(info.Eproc.Ucred.Uid),
		start:   uint64(began.Sec)*1e6 + uint64(began.Usec),
		ended:   info.Proc.P_stat == zombie,
	}
}
