// Package check looks at a site's folder, as its owner would with enough
// patience, and says what is wrong with it and what to do.
//
//	check.go     the table of checks; a finding
//	site.go      what they look at
//	program.go   proxy.cgi itself: whole, for this system, may be run
//	owners.go    permissions and owners, as suEXEC and the web server judge them
//	limits.go    what the host allows a process
//	settings.go  the settings and their file; logs.go: the logs that they name
//	app.go       the app: who listens, and how it responds; start.go: START
//	htaccess.go  .htaccess, read; directives.go: the lines there are;
//	             options.go, rules.go: what it must say; parents.go: what
//	             serves the app better, and what the folders above say
//	served.go    files that visitors should not get
//	troubles.go  the rows of README's "When it does not work"
//
// It changes nothing, and what it says is for the owner alone. Where the host's
// own configuration decides, which nobody can read, it says what is probable.
package check

import (
	"context"
	"fmt"

	"proxy.cgi/cgiproxy/command/finding"
)

// The findings of all checks are alike: see package finding.
type (
	Level   = finding.Level
	Finding = finding.Finding
)

const (
	OK      = finding.OK
	Warning = finding.Warning
	Fault   = finding.Fault
)

// A check is one question about a site.
type check struct {
	name string
	run  func(*site) []Finding
}

// checks returns the table of checks, from what keeps a site from working at
// all to what only makes it better. It is a function, for a variable would be
// filled with each request.
func checks() []check {
	return []check{
		{"script", checkScript},
		{"system", checkSystem},
		{"whole", checkWhole},
		{"release", checkRelease},
		{"executable", checkExecutable},
		{"mount", checkMount},
		{"link", checkLink},
		{"owner", checkOwner},
		{"writable", checkWritable},
		{"folders", checkFolders},
		{"way", checkWay},

		{"memory", checkMemory},
		{"processes", checkProcesses},
		{"files", checkOpenFiles},
		{"cpu", checkCPU},

		{"settings-file", checkSettingsFile},
		{"settings", checkSettings},
		{"notes", checkNotes},
		{"setenv", checkSetEnv},
		{"second-site", checkSecondSite},
		{"max-body", checkMaxBody},
		{"log-file", checkLogFile},

		{"start", checkStart},
		{"restart", checkRestart},
		{"app", checkApp},
		{"app-owner", checkAppOwner},
		{"app-http", checkHTTP},
		{"app-https", checkHTTPS},
		{"app-prefix", checkPrefix},

		{"htaccess", checkHtaccess},
		{"lines", checkLines},
		{"handler", checkHandler},
		{"exec-cgi", checkExecCGI},
		{"links", checkLinks},
		{"rewrite", checkRewrite},
		{"rule-order", checkRuleOrder},
		{"error-pages", checkErrorPages},
		{"block", checkBlock},
		{"slash", checkSlash},
		{"authorization", checkAuthorization},
		{"length", checkLength},
		{"cache", checkCache},
		{"streams", checkStreams},
		{"parents", checkParents},

		{"served", checkServed},
	}
}

// Folder checks the site in a folder. An error is one of the folder itself.
func Folder(ctx context.Context, folder string) ([]Finding, error) {
	s, err := newSite(ctx, folder)
	if err != nil {
		return nil, err
	}
	var all []Finding
	for _, c := range checks() {
		for _, f := range c.run(s) {
			f.Check = c.name
			all = append(all, f)
		}
	}
	return all, nil
}

// Worst returns the highest level of the findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}

func fine(format string, args ...any) []Finding {
	return []Finding{{Level: OK, Text: fmt.Sprintf(format, args...)}}
}

// A cause leads to a row of README, and has a remedy.
type cause struct{ trouble, remedy string }

func (c cause) warning(format string, args ...any) []Finding {
	return []Finding{{Level: Warning, Text: fmt.Sprintf(format, args...), Remedy: c.remedy, Trouble: c.trouble}}
}

func (c cause) fault(format string, args ...any) []Finding {
	f := c.warning(format, args...)
	f[0].Level = Fault
	return f
}
