package check

import (
	"encoding/json"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/finding"
)

// TestSound looks at a site in which nothing is wrong: each check has its good
// outcome, or nothing to say.
func TestSound(t *testing.T) {
	t.Parallel()
	findings := newTestSite(t).check()
	said := map[string]bool{}
	for _, f := range findings {
		said[f.Check] = true
		if f.Level != OK || f.Remedy != "" || f.Trouble != "" || f.Text == "" {
			t.Errorf("got %+v", f)
		}
	}
	for _, c := range []string{
		"script", "system", "whole", "executable", "owner", "writable", "folders", "memory", "processes", "files", "cpu",
		"settings-file", "settings", "app", "app-owner", "app-http", "app-https", "htaccess", "lines", "handler", "exec-cgi",
		"links", "rewrite", "rule-order", "block", "served",
	} {
		if !said[c] {
			t.Errorf("%s says nothing", c)
		}
	}
}

// TestHarmless has lines of others in .htaccess that do nothing to the app's pages.
func TestHarmless(t *testing.T) {
	for _, tt := range []struct{ name, lines string }{
		{"a file that is closed, as Drupal has it", "<FilesMatch \"\\.(inc|sql)$\">\n<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n<IfModule !mod_authz_core.c>\nOrder allow,deny\nDeny from all\n</IfModule>\n</FilesMatch>"},
		{"redirects of some pages", "Redirect 301 /old https://example.org/\nRedirect gone /shop/old\nRedirectMatch 403 (?i)\\.(aspx?|bash)$"},
		{"a redirect of all but one and the program", "RedirectMatch ^/(?!api|shop/proxy\\.cgi$)(.*)$ https://example.org/$1"},
		{"types of some files", "<Files x>\nForceType text/plain\nSetHandler default-handler\n</Files>\nForceType None\nSetHandler None"},
		{"a file with a password", "<IfModule mod_auth_basic.c>\n<Files wp-login.php>\nRequire valid-user\n</Files>\n</IfModule>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newTestSite(t)
			s.write("../.htaccess", tt.lines+"\n", 0o644)
			s.write(".htaccess", tt.lines+"\n"+example(t), 0o644)
			for _, f := range s.check() {
				if f.Level != OK {
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}

// TestFindings spoils a site in each way that a check knows of.
func TestFindings(t *testing.T) {
	for _, tt := range findingTests() {
		t.Run(tt.check+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			s := newTestSite(t)
			tt.spoil(s)
			findings := s.check()
			for _, f := range findings {
				if f.Check == tt.check && f.Level == tt.level && f.Trouble == tt.trouble && strings.Contains(f.Text+": "+f.Remedy, tt.want) {
					if f.Level != OK && f.Remedy == "" {
						t.Errorf("no remedy: %+v", f)
					}
					return
				}
			}
			t.Errorf("no %v of %s for row %q with %q in\n%s", tt.level, tt.check, tt.trouble, tt.want, finding.JSON(findings))
		})
	}
}

// TestRows looks whether TestFindings has each row of README that can be found
// in the folder, by each of the checks that it names.
func TestRows(t *testing.T) {
	found := map[string]bool{}
	for _, tt := range findingTests() {
		found[tt.trouble+" "+tt.check] = true
	}
	for name := range foundElsewhere() {
		found[name] = true
	}
	for _, row := range Troubles() {
		for _, name := range row.Checks {
			if !found[row.ID+" "+name] {
				t.Errorf("no test has row %s found by %s", row.ID, name)
			}
			delete(found, row.ID+" "+name)
		}
	}
	for name := range found {
		if !strings.HasPrefix(name, " ") {
			t.Errorf("a check finds row %s, and its entry in Troubles does not name it", name)
		}
	}
}

// TestOurRules holds what check takes for ours to htaccess.example.
func TestOurRules(t *testing.T) {
	text := example(t)
	for _, pattern := range ourRules() {
		if !strings.Contains(text, "RewriteRule "+pattern+" ") {
			t.Errorf("htaccess.example has no rule %s", pattern)
		}
	}
}

func TestJSON(t *testing.T) {
	findings := []Finding{
		{Check: "app", Level: Fault, Text: "a \"b\" \\ \x00\n\xff\u2028é", Remedy: "do", Trouble: "502"},
		{Check: "links"},
	}
	var got []struct{ Check, Level, Text, Remedy, Trouble string }
	text := finding.JSON(findings)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(got) != 2 || got[0].Text != "a \"b\" \\ \x00\n\ufffd\u2028é" || got[0].Level != "fault" || got[0].Trouble != "502" || got[1].Level != "ok" {
		t.Errorf("got %+v", got)
	}
	const want = "[\n{\"check\":\"links\",\"level\":\"ok\",\"text\":\"\",\"remedy\":\"\",\"trouble\":\"\"}\n]\n"
	if got := finding.JSON(findings[1:]); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := finding.JSON(nil); got != "[\n]\n" {
		t.Errorf("of no findings got %q", got)
	}
}
