package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/scripts/deploy/remote"
)

// A run that changes something is alone: its folder (served.temp) is there for as
// long as it lasts, and a file in that folder has another name every beatTime. Each
// run makes its own and then looks for others': of two, one at least sees the other.
// What is left by a run that broke off stays the same, which a next run watches for
// patience: in that time one that goes on shows it by its beat, or where a large
// file is on its way by that file. No clock is compared with another's.
//
// One that was asleep for longer, as a laptop is whose lid was closed, looks whether
// it is still there before it moves anything (holdsTurn).
var (
	beatTime = 5 * time.Second
	patience = time.Minute
)

// notice is how long after its last sign of life a run moves files without a look,
// and for which the next one waits when it has taken the turn.
func notice() time.Duration { return patience / 6 }

// beats are the two names of that file.
var beats = [...]string{".htbeat-1", ".htbeat-2"}

var (
	errUnderWay = errors.New("another deploy of this site is under way, or has just ended: nothing has been changed; run this again when it is over")
	errLost     = errors.New("this run was without a connection, asleep, or at one file for so long that another deploy has begun, which the site is left to: run this again when that is over")
)

// takeTurn waits for no other run: it fails where there is one. The context it
// returns ends where another takes this one for dead.
func (d *deploy) takeTurn(ctx context.Context) (_ context.Context, end func(), err error) {
	for _, e := range d.served.others() {
		if err := d.watch(ctx, d.served.path(e.Name)); err != nil {
			return nil, nil, err
		}
		d.served.removeTemp(d.served.path(e.Name))
		if err := pause(ctx, notice()); err != nil {
			return nil, nil, err
		}
	}
	d.served.removeLeft()
	if err := d.served.makeTemp(); err != nil {
		return nil, nil, err
	}
	if err := d.served.putBeat(); err != nil {
		d.served.clean()
		return nil, nil, err
	}
	d.served.list, err = d.host.List(d.served.folder)
	_, isListed := entryIn(d.served.list, path.Base(d.served.temp))
	switch {
	case err == nil && !isListed:
		err = fmt.Errorf("%s is there, and the list of its folder is without it, so that two deploys at once would not see each other: try sftp://, or ask the host why its FTP server hides names that begin with .ht", d.served.temp)
	case err == nil && len(d.served.others()) > 0:
		err = errUnderWay
	}
	if err != nil {
		d.host.Remove(path.Join(d.served.temp, beats[0])) // which is hidden, too
		d.served.clean()
		return nil, nil, err
	}
	d.signed.Store(time.Now().UnixNano())
	d.served.turn = d.holdsTurn
	ctx, lose := context.WithCancelCause(ctx)
	stop := d.beat(ctx, lose)
	return ctx, func() { stop(); lose(nil); d.served.clean() }, nil
}

// putBeat puts that file there, twice, for the second has to replace the first: a server
// that cannot do it (ProFTPD without AllowOverwrite) would find that out halfway.
func (s *served) putBeat() error {
	beat := path.Join(s.temp, beats[0])
	if err := put(s.host, beat, nil, 0o600, meter{}); err != nil {
		return err
	}
	if err := put(s.host, beat+"-new", nil, 0o600, meter{}); err != nil {
		return err
	}
	err := s.host.Rename(beat+"-new", beat)
	if err != nil && !remote.IsBroken(err) {
		err = fmt.Errorf("this server lets no file take the place of another (of ProFTPD, AllowOverwrite does), so that nothing on the site can be changed: ask the host, or try sftp://: %w", err)
	}
	return err
}

// others are the folders of other runs.
func (s *served) others() (list []remote.Entry) {
	for _, e := range s.list {
		if strings.HasPrefix(e.Name, tempPrefix) && e.Mode.IsDir() && s.path(e.Name) != s.temp {
			list = append(list, e)
		}
	}
	return list
}

// removeLeft removes files that a run has left that broke off.
func (s *served) removeLeft() {
	for _, e := range s.list {
		if e.Mode.IsRegular() && (e.Name == challenge.KeyFile || strings.HasPrefix(e.Name, tempPrefix)) {
			s.host.Remove(s.path(e.Name)) // it does no harm
		}
	}
}

// watch returns errUnderWay if something happens in the folder of another run, or
// in the one to which it uploads an app. One that is empty and goes was of --status.
func (d *deploy) watch(ctx context.Context, temp string) error {
	look := func() (seen string, isThere, isEmpty bool) {
		there, err := d.host.List(temp)
		var app []remote.Entry
		if folder, _, err := d.appFolder(); err == nil {
			app, _ = d.host.List(path.Join(folder, stateFolder))
		}
		return fmt.Sprint(there, app), !errors.Is(err, fs.ErrNotExist), len(there) == 0
	}
	d.say("another deploy is under way, or broke off: that shows within %.0f seconds\n", patience.Seconds())
	before, _, wasEmpty := look()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := pause(ctx, beatTime/2); err != nil {
			return err
		}
		switch seen, isThere, _ := look(); {
		case seen != before:
			return errUnderWay
		case wasEmpty && !isThere:
			return nil
		}
	}
	return nil
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return errInterrupted
	case <-time.After(length):
		return nil
	}
}

// cutShort returns why a run has to end.
func cutShort(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errLost) {
		return err
	}
	return errInterrupted
}

// beat shows others that this run goes on.
func (d *deploy) beat(ctx context.Context, lose func(error)) (stop func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := 0; ; i = 1 - i {
			select {
			case <-done:
				return
			case <-time.After(beatTime):
			}
			from, to := path.Join(d.served.temp, beats[i]), path.Join(d.served.temp, beats[1-i])
			now := time.Now()
			switch err := d.host.Rename(from, to); {
			case err == nil:
				d.signed.Store(now.UnixNano())
			case d.isLost():
				d.signed.Store(0)
				lose(errLost)
				return
			}
		}
	})
	return func() { close(done); wait.Wait() }
}

// isLost reports whether another run has taken this one for dead.
func (d *deploy) isLost() bool { return errors.Is(d.look(), errLost) }

// look returns errLost where another run has taken this one for dead: then its
// folder is there no more.
func (d *deploy) look() error {
	list, err := d.host.List(d.served.folder)
	if err != nil {
		return err
	}
	if _, ok := entryIn(list, path.Base(d.served.temp)); !ok {
		return errLost
	}
	return nil
}

// holdsTurn is look for before each move, where the last sign of life tells that it
// is not needed. Its time is that of the wall: the monotonic clock stands still
// while a machine sleeps (clock_gettime(2), CLOCK_MONOTONIC).
func (d *deploy) holdsTurn() error {
	now := time.Now()
	if silent := now.UnixNano() - d.signed.Load(); 0 <= silent && silent < int64(notice()) {
		return nil
	}
	if err := d.look(); err != nil {
		return err
	}
	d.signed.Store(now.UnixNano())
	return nil
}
