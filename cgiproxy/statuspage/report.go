package statuspage

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/settings"
)

// A row is a name and what there is to say about it.
type row = [2]string

// A report is what is on the page. All text in it may be shown, and is not
// escaped.
type report struct {
	about    []row
	notice   *check.Finding // what came of a button, nil for none
	findings []check.Finding

	starts  bool // the app is started on demand
	app     []row
	log     []string // the last lines that the app printed
	logFile string

	arrived  []row  // the CGI variables
	line     string // of the request to the app
	fields   []row
	limits   []row
	settings []row // name and where it is written
}

func (v *visit) report(ctx context.Context) *report {
	cfg := v.Site.Config()
	m := newMasker(cfg.Secrets())
	r := &report{limits: limits()}
	r.about = []row{
		{"version", cgiproxy.Version()},
		{"way in", way(v.Way)},
		{"web server", m.text(v.Env["SERVER_SOFTWARE"])},
		{"folder", m.text(v.Site.Folder())},
		{"runs as", fmt.Sprintf("user %d", os.Geteuid())},
		{"now", v.Begun.Format(time.DateTime + " MST")},
	}
	r.findings = v.findings(ctx, m)
	v.describeApp(r, m)
	v.describeRequest(r, m)
	names, sources := cfg.Written()
	for i, name := range names {
		r.settings = append(r.settings, row{settings.Prefix + name, m.text(sources[i])})
	}
	return r
}

func way(name string) string {
	if name == "FastCGI" {
		return "FastCGI: one process answers many requests"
	}
	return name + ": a process for each request"
}

// findings are those of `proxy.cgi check`, asked by the user that scripts run
// as, with the limits they have.
func (v *visit) findings(ctx context.Context, m *masker) []check.Finding {
	all, err := check.Folder(ctx, v.Site.Folder())
	if err != nil {
		all = []check.Finding{{Check: "folder", Level: check.Fault, Text: err.Error(), Remedy: "see the error log"}}
	}
	if info, err := os.Stat(v.Site.Folder()); err == nil && int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		all = slices.DeleteFunc(all, func(f check.Finding) bool { // for this program runs
			return f.Trouble == "suexec" && f.Level == check.Fault
		})
	}
	for i := range all {
		all[i].Text, all[i].Remedy = m.text(all[i].Text), m.text(all[i].Remedy)
	}
	return all
}

// describeApp tells of an app that is started on demand.
func (v *visit) describeApp(r *report, m *masker) {
	app := v.Site.App()
	if app == nil {
		return
	}
	r.starts = true
	if status, err := app.Status(); err != nil {
		r.app = []row{{"state", m.text(err.Error())}}
	} else {
		for _, line := range status.Rows(v.Begun) {
			r.app = append(r.app, row{line[0], m.text(line[1])})
		}
	}
	r.logFile = v.Site.Config().StartLog
	r.log = lastLines(v.Site.Config(), m)
}

// logLines and logBytes bound what is shown of the app's log.
const logLines, logBytes = 100, 32 << 10

// lastLines reads the end of START_LOG.
func lastLines(cfg *settings.Config, m *masker) (lines []string) {
	f, info, err := cfg.OpenOwn(cfg.StartLog, os.O_RDONLY)
	if err != nil {
		return []string{m.text(err.Error())}
	}
	defer f.Close()
	from := max(0, info.Size()-logBytes)
	text, err := io.ReadAll(io.NewSectionReader(f, from, logBytes))
	if err != nil {
		return []string{m.text(err.Error())}
	}
	lines = strings.Split(strings.TrimSuffix(m.hide(string(text)), "\n"), "\n")
	if from > 0 && len(lines) > 1 {
		lines = lines[1:] // of which only the end is there
	}
	lines = lines[max(0, len(lines)-logLines):]
	for i := range lines {
		lines[i] = m.text(strings.TrimSuffix(lines[i], "\r"))
	}
	return lines
}

// describeRequest tells of the very request that asks for the page: as it has
// come, and as the app would have got it.
func (v *visit) describeRequest(r *report, m *masker) {
	for _, name := range slices.Sorted(maps.Keys(v.Env)) {
		r.arrived = append(r.arrived, row{m.text(name), m.value(name, v.Env[name])})
	}
	req := v.ToApp
	r.line = m.text(req.Method + " " + req.RequestURI + " HTTP/1.1")
	r.fields = []row{{"Host", m.text(req.Host)}}
	for _, name := range slices.Sorted(maps.Keys(http.Header(req.Header))) {
		for _, value := range req.Header[name] {
			r.fields = append(r.fields, row{m.text(name), m.field(name, value)})
		}
	}
}

// limits are those of this process, which are those of each request.
func limits() (rows []row) {
	for _, l := range [...]struct {
		name     string
		resource int
		unit     uint64
		text     string
	}{
		{"address space", unix.RLIMIT_AS, 1 << 20, "MiB"},
		{"processes, with threads", unix.RLIMIT_NPROC, 1, ""},
		{"open files", unix.RLIMIT_NOFILE, 1, ""},
		{"processor time", unix.RLIMIT_CPU, 1, "s"},
		{"size of a file", unix.RLIMIT_FSIZE, 1 << 20, "MiB"},
	} {
		var limit unix.Rlimit
		if unix.Getrlimit(l.resource, &limit) != nil {
			continue
		}
		text := "no limit"
		if most := uint64(limit.Cur); most < 1<<62 {
			text = strings.TrimSpace(fmt.Sprintf("%d %s", most/l.unit, l.text))
		}
		rows = append(rows, row{l.name, text})
	}
	return rows
}
