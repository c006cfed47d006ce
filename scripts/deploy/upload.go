// The way of files into the served folder, and of any file to the host.

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/scripts/deploy/remote"
)

// tempPrefix begins the name of the folder to which a run uploads, tempFile those
// of the files in it: servers that read .htaccess serve none that begins with .ht.
const (
	tempPrefix = ".htproxycgi-new-"
	tempFile   = ".ht"
)

// A seen is a file as this run has read it, or uploaded it; nil content is none.
type seen struct {
	name    string
	content []byte
}

// makeTemp makes the folder to which this run uploads. Its name is new: nobody else
// uses it, and there is no link in its place.
func (s *served) makeTemp() error {
	if s.temp != "" {
		return nil
	}
	temp := s.path(tempPrefix + rand.Text()[:10])
	if err := makePrivate(s.host, temp); err != nil {
		s.host.Rmdir(temp) // it may have been made, and the next run would wait for this one
		return fmt.Errorf("in %s nothing can be written: %w", s.folder, err)
	}
	s.temp = temp
	return nil
}

// stage uploads what steps need, where nobody is shown it.
func (s *served) stage(ctx context.Context, steps []step, m meter) error {
	for i := range steps {
		if steps[i].content == nil {
			continue
		}
		if err := s.makeTemp(); err != nil {
			return err
		}
		// What goes back has names of its own: nothing overwrites what may be read alone.
		steps[i].temp = path.Join(s.temp, fmt.Sprint(tempFile, s.staged))
		s.staged++
		if ctx.Err() != nil {
			return cutShort(ctx)
		}
		m.name(steps[i].name)
		if err := put(s.host, steps[i].temp, steps[i].content, steps[i].mode, m); err != nil {
			return fmt.Errorf("%s cannot be uploaded: %w", s.path(steps[i].name), err)
		}
		s.seen = append(s.seen, seen{steps[i].name, steps[i].content})
	}
	return nil
}

// place does the steps.
func (s *served) place(steps []step) error {
	for _, step := range steps {
		if step.wait {
			time.Sleep(waitTime)
		}
		if err := errors.Join(s.isOurs(step.name), s.turn()); err != nil {
			return err
		}
		var err error
		if step.content != nil {
			err = s.host.Rename(step.temp, s.path(step.name))
		} else if err = s.host.Remove(s.path(step.name)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%s cannot be put in its place: %w", s.path(step.name), err)
		}
	}
	return nil
}

// putKey puts a secret beside proxy.cgi, for the live check.
func (s *served) putKey(secret string) error {
	if err := s.makeTemp(); err != nil {
		return err
	}
	temp := path.Join(s.temp, tempFile+"key")
	if err := put(s.host, temp, []byte(secret), 0o600, meter{}); err != nil {
		return err
	}
	return s.host.Rename(temp, s.path(challenge.KeyFile))
}

// errChanged is wrapped by errors of a file that somebody else has changed while
// this run was at it: an app may be minutes on its way.
var errChanged = errors.New("has been changed on the host just now, and stays so")

// isOurs demands that a file is as this run has read it, or made it: it is about to
// be replaced. Programs are not read again, for nobody edits them.
func (s *served) isOurs(name string) error {
	if slices.Contains(htaccess.Both.Names(), name) {
		return nil
	}
	there, err := s.host.Read(s.path(name), 0, maxText)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, known := range s.seen {
		if known.name == name && (err != nil) == (known.content == nil) && bytes.Equal(known.content, there) {
			return nil
		}
	}
	return fmt.Errorf("%s %w: run this again", s.path(name), errChanged)
}

// clean removes the folder of this run.
func (s *served) clean() {
	if s.temp != "" {
		s.removeTemp(s.temp)
		s.temp = ""
	}
}

// removeTemp removes the folder of a run. What stays does no harm.
func (s *served) removeTemp(temp string) {
	list, _ := s.host.List(temp)
	for _, e := range list {
		s.host.Remove(path.Join(temp, e.Name))
	}
	s.host.Rmdir(temp)
}

// put uploads a file and reads it back: a server that changes the ends of lines,
// or has no space left, does not always say so. What has come of it does not stay, for
// the app that runs may need the space.
func put(host remote.Host, name string, content []byte, mode fs.FileMode, m meter) (err error) {
	defer func() {
		if err != nil && !remote.IsBroken(err) {
			host.Remove(name) // what is to be said is why it was not put there
		}
	}()
	if err := host.Write(name, content, mode, m.add); err != nil {
		return err
	}
	there, err := host.Read(name, 0, int64(len(content)))
	if errors.Is(err, remote.ErrTooLong) || err == nil && !bytes.Equal(there, content) {
		return fmt.Errorf("%d bytes were sent, and others are there: is the disk full, or does the server change files?", len(content))
	}
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	return nil
}
