package ondemand

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tokenName is a variable in the environment of what a run's command starts,
// also of what has left its session: so it is told from what the same user has
// started for another site or by hand.
const tokenName = "CGIPROXY_RUN"

// token names a run. What stands before the hyphen is the site, and behind the
// blank the app's folder: a site may have had another until now.
func (a *App) token(began time.Time) string {
	return a.tokenPrefix() + strconv.FormatInt(began.UnixNano(), 36) + " " + a.Dir
}

func (a *App) tokenPrefix() string {
	h := newHash()
	h.text(cmp.Or(a.Settings, a.Dir))
	return h.String() + "-"
}

// dir returns the app's folder as the token has it.
func (r *run) dir() string {
	_, dir, _ := strings.Cut(r.token, " ")
	return dir
}

// tokenOf returns the token that a process was started with.
func tokenOf(pid int) string {
	for _, entry := range environmentOf(pid) {
		if token, ok := strings.CutPrefix(entry, tokenName+"="); ok {
			return token
		}
	}
	return ""
}

// started reports whether a process was started by a run. Who asks is not meant:
// the app's own process may, to have itself restarted.
func (r *run) started(p process) bool {
	own, _ := unix.Getsid(0)
	return r.token != "" && p.start >= r.start && p.session != own && tokenOf(p.pid) == r.token
}

// meet notes who listens: the app may have left the session of its command. A
// program that shows a title in place of its arguments (setproctitle) overwrites
// the environment as well, so now is the time, just after the address was free.
// It must have the log open then, which the command was given, or listen on a socket
// whose file was not there before: else it may be what somebody has started by hand,
// or another site. A port that was chosen for this start is known to nobody else:
// there it may be what a supervisor has started, which was there before, and of which
// the command has asked that, or the supervisor itself (pm2 in cluster mode).
func (r *run) meet(log string, auto bool) {
	first, host := process{}, process{}
	for _, l := range listeners(ownProcesses()) {
		p := l.process
		if !l.at(r.network, r.addresses) {
			continue
		}
		if p.start < r.start {
			host = p
			continue
		}
		ours := p.session == r.pid || r.started(p) ||
			overwritten(p.pid) && (hasOpen(p.pid, log) || r.network == "unix" && r.pid != 0) ||
			auto && tokenOf(p.pid) == "" && r.pid != 0
		if ours && (first.pid == 0 || p.start < first.start) {
			first = p // the others are its workers, which come and go
		}
	}
	if first.pid == 0 && auto && r.pid != 0 {
		first = host
	}
	r.app, r.appStart = first.pid, first.start
}

// isHosted reports whether it is an older process that listens for a run. That may
// have other apps, too, and is never ended.
func (r *run) isHosted() bool { return r.app != 0 && r.appStart < r.start }

// isOwn reports whether a token is of a run of the site, or of its folder, which
// another with the same settings may share.
func (a *App) isOwn(token string) bool {
	return strings.HasPrefix(token, a.tokenPrefix()) || (&run{token: token}).dir() == a.Dir
}

// othersAt returns a process that listens there and was started for another site's
// app, as a run, where that app should listen there: one daemon (pm2) may listen for
// two.
func (a *App) othersAt(network string, addresses []string) (theirs run, found bool) {
	for _, l := range listeners(ownProcesses()) {
		theirs = run{pid: l.process.pid, token: tokenOf(l.process.pid)}
		if theirs.token == "" || a.isOwn(theirs.token) || !l.at(network, addresses) {
			continue
		}
		s, err := (&App{Dir: theirs.dir()}).folder().readAnyBoot()
		if err != nil || slices.ContainsFunc(addresses, func(address string) bool {
			return slices.Contains(s.run.addresses, address) || slices.Contains(s.old.addresses, address)
		}) {
			return theirs, true
		}
	}
	return run{}, false
}

// mayListen reports whether it is a run that listens at its address, if anybody
// does. Where who listened first has ended, others of the run may go on for long,
// and none of them need listen: it is looked for once, and met again.
func (a *App) mayListen(r *run) bool {
	if r.unseen {
		_, found := a.othersAt(r.network, r.addresses)
		return !found
	}
	if r.app == 0 || lives(r.app, r.appStart) {
		return r.alive()
	}
	if !r.listens() {
		return false
	}
	a.meetAgain(r)
	return true
}

// meetAgain notes who listens now, unless another process is about to change what
// runs.
func (a *App) meetAgain(r *run) {
	lock, err := a.folder().lock()
	if err != nil {
		return
	}
	defer lock.Close()
	s, err := a.folder().read()
	if err != nil || s.run.token != r.token {
		return
	}
	s.run.meet(a.log(), false)
	if s.run.app != 0 {
		_ = a.folder().write(s)
	}
}

// overwritten reports whether a process shows no environment any more: what one
// starts by hand has a PATH.
func overwritten(pid int) bool {
	return !slices.ContainsFunc(environmentOf(pid), func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
}

// hasOpen reports whether a process has a file open.
func hasOpen(pid int, path string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(links, func(link string) bool {
		open, err := os.Stat(link)
		return err == nil && os.SameFile(open, file)
	})
}

// appSession returns the session of who listened first, if that one lives and the
// session has begun with the run: pm2 may have been there before. Where its leader
// has ended, as with nohup and cron, that shows in the others of it. 0 is none.
func (r *run) appSession(own []process) int {
	p, err := readProcess(r.app)
	if r.app == 0 || err != nil || p.start != r.appStart {
		return 0
	}
	ours, _ := unix.Getsid(0)
	if leader, err := readProcess(p.session); err == nil && leader.start < r.start || p.session == ours {
		return 0
	}
	if slices.ContainsFunc(own, func(q process) bool { return q.session == p.session && q.start < r.start }) {
		return 0
	}
	return p.session
}

// known returns the state. Where it shows no app that runs, others may that were
// started for the site before .cgiproxy was deleted, as an upload does that mirrors
// a folder, or before the folder's name became a link to another, or in the folder
// that was START_DIR until now: they are ended, for nobody else ever would. Who has
// waited with settings that are out of date neither ends what those of now have
// started, nor starts what they do not know of. The lock is held.
func (a *App) known(ctx context.Context) (*state, error) {
	s, err := a.folder().read()
	if err == nil {
		err = a.claim(s)
	}
	for err == nil && !s.run.alive() && !s.old.alive() {
		if err = a.outdated(); err != nil {
			break
		}
		earlier := a.earlier()
		if earlier.pid == 0 {
			break
		}
		why := "START_DIR is another, or .cgiproxy was deleted or emptied"
		if earlier.dir() == a.Dir && !s.ofThisBoot() {
			why = ".cgiproxy is another machine's, or from a backup: two machines need a START_DIR each, on a disk of their own"
		}
		a.warn(fmt.Sprintf("the app of before is ended, process %d of %s: %s", earlier.pid, earlier.dir(), why))
		err = a.endEarlier(ctx, &earlier)
	}
	return s, err
}

// earlier returns the first process that any run has started, for the site or in
// its folder, as a run: with the session's number, whose leader may have ended.
func (a *App) earlier() (r run) {
	own, _ := unix.Getsid(0)
	for _, p := range ownProcesses() {
		if p.session == own || r.pid != 0 && p.start >= r.start {
			continue
		}
		started := run{pid: p.session, start: p.start, token: tokenOf(p.pid)}
		if a.isOwn(started.token) {
			r = started
		}
	}
	return r
}

// endEarlier ends the app of another folder as a stop does, so that requests
// under way there are answered, and those that come find no open gate where that
// becomes START_DIR again. What is known there no more is ended at once, and what
// another process is about to change: by who began it, for no state says how long
// ago it was asked to, and a browser's request leaves before the limit.
func (a *App) endEarlier(ctx context.Context, r *run) error {
	end := func() error { return r.end(context.WithoutCancel(ctx), killLimit) }
	there := *a
	if there.Dir = r.dir(); there.Dir == a.Dir { // its name is another folder's by now, or .cgiproxy was deleted
		there.Dir, _ = os.Readlink(fmt.Sprintf("/proc/%d/cwd", r.pid))
	}
	if there.Dir == "" || unix.Access(string(there.folder()), unix.W_OK) != nil {
		return end()
	}
	lock, err := there.folder().lock()
	if err != nil {
		return end()
	}
	defer lock.Close()
	if s, err := there.folder().read(); err == nil && s.run.token == r.token {
		if err := there.stop(ctx, s); err != nil {
			return err
		}
	}
	return end()
}
