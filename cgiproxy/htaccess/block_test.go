package htaccess

import (
	"os"
	"strings"
	"testing"
)

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const wordPress = `# BEGIN WordPress
# The directives (lines) between "BEGIN WordPress" and "END WordPress" are
# dynamically generated.
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
</IfModule>

# END WordPress
`

const phpHandler = `# php -- BEGIN cPanel-generated handler, do not edit
<IfModule mime_module>
  AddHandler application/x-httpd-ea-php82 .php .php8 .phtml
</IfModule>
# php -- END cPanel-generated handler, do not edit
`

const toHTTPS = `RewriteEngine On
RewriteCond %{HTTPS} off
RewriteRule ^(.*)$ https://%{HTTP_HOST}%{REQUEST_URI} [L,R=301]
`

// TestPut puts a block into files of others, marked with | where it has to
// stand: a second time changes nothing, and Cut gives back each byte.
func TestPut(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"no file", "|"},
		{"one line", "Options -Indexes\n|"},
		{"no newline at the end", "Options -Indexes|"},
		{"empty lines at the end", "Options -Indexes\n\n\n|"},
		{"a handler", phpHandler + "|"},
		{"a redirect", toHTTPS + "|"},
		{"a redirect without its flag", "RewriteRule ^old https://example.org/new\n|"},
		{"a refusal", "RewriteRule ^wp-config - [F]\nRewriteRule ^x y [G]\n|"},
		{"WordPress", "|" + wordPress},
		{"WordPress among others", toHTTPS + "|" + wordPress + phpHandler},
		{"a front controller", "Options -Indexes\n|RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ index.php [L]\n"},
		{"a front controller after its engine", "RewriteEngine On\n|RewriteRule ^(.*)$ index.php?q=$1 [L,QSA]\n"},
		{"conditions of a redirect before it", toHTTPS + "|RewriteRule ^ index.php [L]\n"},
		{"a front controller in sections", "<IfModule a>\n</IfModule>\n|<IfModule mod_rewrite.c>\n<IfModule mod_negotiation.c>\nOptions -MultiViews\n</IfModule>\nRewriteRule ^ index.php [L]\n</IfModule>\n"},
		{"other cases and blanks", "|\trewriterule  \"^a b\"  /index.php\n"},
		{"a comment below the conditions", "RewriteEngine On\n|RewriteCond a b\n# all else is for the site\nRewriteRule . /index.php [L]\n"},
		{"an empty line below the conditions", "RewriteEngine On\n|RewriteCond a b\n\nRewriteCond c d\nRewriteRule . /index.php [L]\n"},
		{"other lines below the conditions", "|RewriteCond a b\nOptions -Indexes\n<IfModule a>\nRewriteRule . /index.php [L]\n</IfModule>\n"},
		{"conditions over two lines", "Options -Indexes\n|RewriteCond a \\\n  b\nRewriteRule . /index.php [L]\n"},
		{"a rule over two lines", "Options -Indexes\n|RewriteRule \\\n  . /index.php [L]\n"},
		{"conditions of a refusal", "RewriteCond a b\n\nRewriteRule ^ - [F]\n|RewriteRule ^ index.php [L]\n"},
		{"conditions without a rule", "Options -Indexes\n|RewriteCond a b\n"},
		{"conditions without a rule in a section", "Options -Indexes\n|<IfModule a>\nRewriteCond a b\n</IfModule>\n"},
		{"a comment over two lines", "# no \\\nRewriteRule ^ index.php [L]\n|"},
		{"a comment", "# RewriteRule ^ index.php [L]\n|"},
		{"a backslash far above", "Options \\\n -Indexes\n|"},
	} {
		for _, newline := range []string{"\n", "\r\n"} {
			t.Run(c.name+map[string]string{"\n": "", "\r\n": " CRLF"}[newline], func(t *testing.T) {
				text := strings.ReplaceAll(c.text, "\n", newline)
				above, below, _ := strings.Cut(text, "|")
				old := above + below
				got, err := Put(old, "SetEnv a\n")
				if err != nil {
					t.Fatal(err)
				}
				want := above + "# BEGIN proxy.cgi" + newline + "SetEnv a" + newline + "# END proxy.cgi" + newline + below
				if above != "" && !strings.HasSuffix(above, "\n") {
					want = above + newline + "# BEGIN proxy.cgi" + newline + "SetEnv a" + newline + "# END proxy.cgi"
				}
				if !strings.Contains(old, "\n") {
					want = strings.ReplaceAll(want, "\r\n", "\n")
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if again, err := Put(got, "SetEnv a\n"); err != nil || again != got {
					t.Errorf("the second time %q, %v, want no change of %q", again, err, got)
				}
				if newer, err := Put(got, "SetEnv b\n"); err != nil || strings.Replace(newer, "SetEnv b", "SetEnv a", 1) != got {
					t.Errorf("with other lines %q, %v, want them in the same place of %q", newer, err, got)
				}
				if back, err := Cut(got); err != nil || back != old {
					t.Errorf("taken out %q, %v, want %q", back, err, old)
				}
			})
		}
	}
}

// TestPutMoves has a rule that came above the block after it was put there.
func TestPutMoves(t *testing.T) {
	got, err := Put(wordPress+"# BEGIN proxy.cgi\nSetEnv b\n# END proxy.cgi\n# last\n", "SetEnv a\n")
	if want := "# BEGIN proxy.cgi\nSetEnv a\n# END proxy.cgi\n" + wordPress + "# last\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestCutReturn has a file that ends as those of old Macs do: the byte is its own.
func TestCutReturn(t *testing.T) {
	for _, old := range []string{"# a\r", "# a\r\n# b\r"} {
		text, err := Put(old, "SetEnv a\n")
		for range 2 {
			if back, cutErr := Cut(text); err != nil || cutErr != nil || back != old {
				t.Errorf("taken out of %q: %q, %v, %v, want %q", text, back, err, cutErr, old)
			}
			text, err = Put(text, "SetEnv a\n")
		}
	}
}

func TestPutRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no end", "# BEGIN proxy.cgi\nSetEnv a\n", "without its end"},
		{"no beginning", "SetEnv a\n# END proxy.cgi\n", "without a beginning"},
		{"two blocks", "# BEGIN proxy.cgi\n# END proxy.cgi\n# BEGIN proxy.cgi\n# END proxy.cgi\n", "twice"},
		{"htaccess.example as it is", example(t), "take the lines of htaccess.example out"},
		{"a backslash at the end", "Options -Indexes \\", "ends in a backslash"},
		{"a backslash and a newline", "# see C:\\\n", "ends in a backslash"},
		{"a backslash and one of Windows", "# see C:\\\r\n", "ends in a backslash"},
		{"a backslash above the block", "# see C:\\\n# BEGIN proxy.cgi\n# END proxy.cgi\n", "ends in a backslash"},
		{"a password in the block", "# BEGIN proxy.cgi\nSetEnv a\nRequire valid-user\n# END proxy.cgi\n", `a line of somebody else's, "Require valid-user": move it above them`},
		{"links that the host allows, in the block", "# BEGIN proxy.cgi\nOptions +FollowSymLinks -MultiViews\n# END proxy.cgi\n", "a line of somebody else's"},
		{"a refusal in the block", "# BEGIN proxy.cgi\nRewriteRule ^priv/ - [F]\n# END proxy.cgi\n", "a line of somebody else's"},
		{"rules of the article", "RewriteRule ^(.*)$ proxy.fcgi/$1 [QSA,L]\n", "take the lines of htaccess.example out"},
	} {
		if _, err := Put(c.text, "SetEnv a\n"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// TestLines checks what is in the block of each variant, and what is not.
func TestLines(t *testing.T) {
	for _, scripts := range []Scripts{CGI, FastCGI, Both} {
		for _, public := range []bool{false, true} {
			v := Variant{scripts, public}
			lines, err := v.Lines(example(t))
			if err != nil {
				t.Fatalf("%+v: %v", v, err)
			}
			for text, want := range map[string]bool{
				"RewriteRule ^.*$ proxy.cgi [L]\n":    scripts != FastCGI,
				"RewriteRule ^.*$ proxy.fcgi [L]\n":   scripts != CGI,
				"  SetHandler fcgid-script\n":         scripts != CGI,
				"RewriteRule ^(?!public/)":            public,
				"\nRewriteCond %{DOCUMENT_ROOT}//$0/": !public,
				"CGIPROXY_UPSTREAM":                   false,
				"# FastCGI: ":                         false,
			} {
				if strings.Contains(lines, text) != want {
					t.Errorf("%+v: %q is there: %t, want %t, in\n%s", v, text, !want, want, lines)
				}
			}
		}
	}
}

// TestApplyShown: the changes are those that the comments show, to the byte.
func TestApplyShown(t *testing.T) {
	for _, c := range []struct {
		variant Variant
		comment string
	}{
		{Variant{PublicOnly: true}, "# Only public/"},
		{Variant{Scripts: Both}, "# Both: "},
	} {
		text, err := c.variant.Apply(example(t))
		if code := shown(example(t), c.comment); err != nil || !strings.Contains(text, "\n"+code) {
			t.Errorf("%+v: %v, want the lines\n%s\nin\n%s", c.variant, err, code, text)
		}
	}
	text, err := Variant{Scripts: FastCGI}.Apply(example(t))
	files, rule, _ := strings.Cut(shown(example(t), "# FastCGI: "), "...\n")
	if err != nil || !strings.Contains(text, "\n"+files) || !strings.Contains(text, "\n"+rule) {
		t.Errorf("FastCGI: %v, want the lines\n%s\nand\n%s\nin\n%s", err, files, rule, text)
	}
}

// TestGuard guards a file with and without a block: Put then gives what it gives
// without the guard, and Cut what was there.
func TestGuard(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"no file", ""},
		{"lines of others", toHTTPS},
		{"line ends of Windows", strings.ReplaceAll(wordPress, "\n", "\r\n")},
		{"no newline at the end", "Options -Indexes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			put, err := Put(c.text, "# lines\n")
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{c.text, put} {
				guarded, err := Guard(text, "proxy.cgi", "proxy.fcgi")
				if err != nil || strings.Count(guarded, "SetHandler cgi-script") != 2 {
					t.Fatalf("guarded %q, %v", guarded, err)
				}
				if strings.Contains(c.text, "\r\n") && strings.Count(guarded, "\n") != strings.Count(guarded, "\r\n") {
					t.Errorf("line ends differ: %q", guarded)
				}
				if got, err := Put(guarded, "# lines\n"); got != put || err != nil {
					t.Errorf("Put then gives %q, %v, want %q", got, err, put)
				}
				if got, err := Cut(guarded); got != c.text || err != nil {
					t.Errorf("Cut gives %q, %v", got, err)
				}
			}
		})
	}
}

// What Put has put there tells how proxy.cgi is run, also with the ends of lines of
// Windows, and beside what others have.
func TestVariantIn(t *testing.T) {
	for _, scripts := range []Scripts{CGI, FastCGI, Both} {
		for _, publicOnly := range []bool{false, true} {
			want := Variant{scripts, publicOnly}
			lines, err := want.Lines(example(t))
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := VariantIn(beginMark + "\n" + strings.ReplaceAll(lines, "[L]", "[END]") + endMark + "\n"); got != want {
				t.Errorf("of another version: got %+v, want %+v", got, want)
			}
			for name, text := range map[string]string{"no file": "", "Windows": "RewriteRule ^(?!public/) x\r\n", "the marks in a comment": "# Nothing between \"" + beginMark + "\" and \"" + endMark + "\"!\n"} {
				text, err := Put(text, lines)
				if got, ok := VariantIn(text); err != nil || !ok || got != want {
					t.Errorf("%s: got %+v, want %+v, %v, in\n%s", name, got, want, err, text)
				}
			}
		}
	}
	if got, ok := VariantIn(example(t)); ok {
		t.Errorf("without marks: got %+v", got)
	}
}
