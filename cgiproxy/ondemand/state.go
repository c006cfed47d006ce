package ondemand

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A state is what is known of an app. It is written under the lock only.
type state struct {
	boot   string // which boot of the machine this is about
	folder string // which folder of the machine (folder.id)
	phase  string // one of those below
	run    run    // the app
	old    run    // the one that it replaces (Auto)

	site     string  // the settings file of the site that the folder is of
	siteFile string  // which file of the machine that was (siteFileID)
	settings string  // hash of what the app was started with
	stamps   []stamp // of the restart files, at the start

	failures int       // starts in a row that failed
	next     time.Time // no start before that
	exit     string    // how the app last ended, or why it did not start

	unreplaced string // why the restart failed, where the app from before went on
}

// The phases. Which of them is still true is another question: see alive.
const (
	starting = "starting" // the command runs, or is about to
	running  = "running"  // it has listened
	stopping = "stopping" // it has been, or is about to be, asked to end
	stopped  = "stopped"  // it was ended
	failed   = "failed"   // it did not listen
)

// A run is one start of the app.
type run struct {
	pid       int    // of the shell, which leads a session; 0 is none
	start     uint64 // when that process started, as the kernel counts
	token     string // in the environment of all that the command starts (token.go)
	app       int    // the pid of who listened first, where that is not the shell
	appStart  uint64
	began     time.Time
	network   string
	addresses []string

	// Limits count from here, whoever comes by: a browser waits for less.
	asked time.Time // when it was asked to end
	found time.Time // when it was first found to listen, where it replaces another
	lost  time.Time // when it was first found not to listen any more

	background bool // the command has ended with 0 before the app listened
	unseen     bool // it listens, and none of its processes can be told from others
}

// serving is the run that requests go to: an old one until the new one listens.
func (s *state) serving() *run {
	if s.phase != running && s.old.pid != 0 {
		return &s.old
	}
	return &s.run
}

// fields is how a state looks in its file: a name, a space, a value.
func (s *state) fields() []field {
	return []field{
		{"boot", &s.boot}, {"folder", &s.folder}, {"phase", &s.phase},
		{"pid", &s.run.pid}, {"start", &s.run.start}, {"began", &s.run.began},
		{"token", &s.run.token}, {"app", &s.run.app}, {"app.start", &s.run.appStart},
		{"network", &s.run.network}, {"address", &s.run.addresses},
		{"asked", &s.run.asked}, {"found", &s.run.found}, {"lost", &s.run.lost}, {"background", &s.run.background}, {"unseen", &s.run.unseen},
		{"old.pid", &s.old.pid}, {"old.start", &s.old.start}, {"old.began", &s.old.began},
		{"old.token", &s.old.token}, {"old.app", &s.old.app}, {"old.app.start", &s.old.appStart},
		{"old.network", &s.old.network}, {"old.address", &s.old.addresses},
		{"old.asked", &s.old.asked},
		{"site", &s.site}, {"site.file", &s.siteFile}, {"settings", &s.settings}, {"stamp", &s.stamps},
		{"failures", &s.failures}, {"next", &s.next}, {"exit", &s.exit},
		{"unreplaced", &s.unreplaced},
	}
}

type field struct {
	name  string
	value any
}

func (f field) line() string {
	var text string
	switch v := f.value.(type) {
	case *string:
		text = *v
	case *bool:
		text = strconv.FormatBool(*v)
	case *int:
		text = strconv.Itoa(*v)
	case *uint64:
		text = strconv.FormatUint(*v, 10)
	case *time.Time:
		if !v.IsZero() {
			text = strconv.FormatInt(v.UnixNano(), 10)
		}
	case *[]string:
		text = strings.Join(*v, "\n")
	case *[]stamp:
		for i, st := range *v {
			if i > 0 {
				text += "\n"
			}
			text += st.String()
		}
	}
	return f.name + " " + strconv.Quote(text) + "\n"
}

func (f field) parse(text string) (err error) {
	switch v := f.value.(type) {
	case *string:
		*v = text
	case *bool:
		*v, err = strconv.ParseBool(text)
	case *int:
		*v, err = strconv.Atoi(text)
	case *uint64:
		*v, err = strconv.ParseUint(text, 10, 64)
	case *time.Time:
		if text != "" {
			var ns int64
			ns, err = strconv.ParseInt(text, 10, 64)
			*v = time.Unix(0, ns)
		}
	case *[]string:
		if text != "" {
			*v = strings.Split(text, "\n")
		}
	case *[]stamp:
		for line := range strings.Lines(text) {
			var st stamp
			if st, err = parseStamp(strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
			*v = append(*v, st)
		}
	}
	return err
}

// read returns the state. One of another boot is as good as none as to what runs.
func (f folder) read() (*state, error) {
	s, err := f.readAnyBoot()
	if err == nil && !s.ofThisBoot() {
		s.run, s.old = run{}, run{}
	}
	return s, err
}

// ofThisBoot reports whether what runs may be of now: where scripts see no /proc/sys
// (systemd's ProcSubset=pid) and the shell does, one of them cannot tell the boot.
func (s *state) ofThisBoot() bool {
	now := bootID()
	return s.boot == now || s.boot == "" || now == ""
}

// readAnyBoot is read for four system calls. One that cannot be understood, as
// a machine that lost power may leave it, is as good as none, and so is one that
// was copied with the folder: its app is another site's.
func (f folder) readAnyBoot() (*state, error) {
	s := new(state)
	text, err := readFile(f.file("state"))
	if f.mend("state", err) {
		text, err = readFile(f.file("state"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, noState(f.refused(err))
	}
	fields := s.fields()
	for line := range strings.Lines(string(text)) {
		name, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.Unquote(quoted)
		for i := 0; err == nil && i < len(fields); i++ {
			if fields[i].name == name {
				err = fields[i].parse(value)
			}
		}
		if err != nil {
			return new(state), nil
		}
	}
	if s.folder != "" && s.folder != f.id() {
		return new(state), nil
	}
	return s, nil
}

const maxSmall = 4 << 20 // bytes; the kernel takes 6 MiB of environment and arguments at most

// readFile is os.ReadFile for small files, of which the scheduler's poller, with
// more system calls, would learn nothing.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) // a pipe would hold it up
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf, n := make([]byte, 8<<10), 0
	for {
		if n == len(buf) {
			if n >= maxSmall {
				return nil, &fs.PathError{Op: "read", Path: path, Err: unix.EFBIG}
			}
			buf = append(buf, make([]byte, n)...)
		}
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n += m; m == 0 || m < 4<<10 { // files give all they have
			break
		}
	}
	return buf[:n], nil
}

// write replaces the state as a whole: whoever reads it gets the old or the new
// one.
func (f folder) write(s *state) error {
	s.boot, s.folder = bootID(), f.id()
	var text strings.Builder
	for _, field := range s.fields() {
		text.WriteString(field.line())
	}
	file, err := f.open("state.new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		_, err = file.WriteString(text.String())
		err = cmp.Or(err, file.Close())
	}
	if err != nil {
		return noState(err)
	}
	at("state written, not in place")
	if err := os.Rename(f.file("state.new"), f.file("state")); err != nil {
		return noState(err)
	}
	return nil
}
