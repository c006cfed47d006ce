package cgiproxy

import (
	"testing"
)

// exactTargets are sent on byte for byte.
var exactTargets = []string{
	"/",
	"/?",
	"/a/b/c",
	"/a/",
	"/a%2Fb%2fc",
	"//a//b//",
	"//evil.example/x",
	"//evil.example:80/x?y",
	"/a%20b?c%20d+e",
	"/a;b=c/d;e?f;g&h",
	"/%e4%f6?%c3%a4",
	"/%C3%A4?%C3%A4",
	"/a?b?c=?",
	"/a?b=/../c&d=%2e%2e/e",
	"/a?b=http://example.org/",
	"/http://example.org/a",
	"/a:b@c,d$e!f'g(h)*i+j=k~l_m-n",
	"/\xc3\xa4\xff|{}\"<>^`[]?\xe9|{}..\\",
	"/%zz%?%",
	"/%00%0d%0a%7F",
	"/%252e%252e/a",
	"/.../..a/.b/a../a.",
	"/%2ehidden/a%2ehtml",
	"/*",
}

func TestTargetExact(t *testing.T) {
	for _, target := range exactTargets {
		t.Run(target, func(t *testing.T) {
			testTarget(t, visit("REQUEST_URI="+target), false, target)
		})
	}
}

var changedTargets = []struct {
	name, target, want string
}{
	{"blank", "/a b?c d", "/a%20b?c%20d"},
	{"tab", "/a\tb?c\td", "/a%09b?c%09d"},
	{"line ends", "/a\r\nb?c\r\nd", "/a%0D%0Ab?c%0D%0Ad"},
	{"NUL", "/a\x00b?c\x00d", "/a%00b?c%00d"},
	{"DEL and escape", "/a\x7fb?c\x1bd", "/a%7Fb?c%1Bd"},
	{"number sign in the query", "/a?b#c", "/a?b%23c"},
	{"blank at the end", "/a ", "/a%20"},
	{"backslashes", `/\x/a\b\`, "/%5Cx/a%5Cb%5C"},
	{"backslash after two dots", `/open/..\admin`, "/open/..%5Cadmin"},
	{"backslash after two encoded dots", `/open\%2e%2e\admin`, "/open%5C%2e%2e%5Cadmin"},

	{"absolute-form", "http://example.com/a%2Fb?c=d", "/a%2Fb?c=d"},
	{"absolute-form, https, upper case", "HTTPS://example.com:443/a", "/a"},
	{"absolute-form, another host", "http://evil.example/a", "/a"},
	{"absolute-form, user", "http://me:secret@example.com/a", "/a"},
	{"absolute-form, IPv6", "http://[::1]:80/a", "/a"},
	{"absolute-form without path", "http://example.com", "/"},
	{"absolute-form without path, with query", "http://example.com?a=b", "/?a=b"},
	{"absolute-form without path, empty query", "http://example.com?", "/?"},
	{"absolute-form without host", "http:///a", "/a"},
	{"absolute-form, path starts with two slashes", "http://example.com//a//b", "//a//b"},
	{"absolute-form, query with a URL", "http://example.com?a=http://b/c", "/?a=http://b/c"},

	{"dot", "/a/./b", "/a/b"},
	{"dot at the end", "/a/.", "/a/"},
	{"dot alone", "/.", "/"},
	{"two dots", "/a/../b", "/b"},
	{"two dots at the end", "/a/b/..", "/a/"},
	{"two dots alone", "/..", "/"},
	{"several", "/a/b/c/../../d", "/a/d"},
	{"above the root", "/../../a", "/a"},
	{"above the root, later", "/a/../../../b/c", "/b/c"},
	{"encoded dots", "/a/%2e%2e/b", "/b"},
	{"encoded dots, upper case", "/a/%2E%2E/b", "/b"},
	{"encoded dot", "/a/%2e/b", "/a/b"},
	{"one of two encoded", "/a/.%2e/b", "/b"},
	{"the other encoded", "/a/%2E./b", "/b"},
	{"encoded at the end", "/a/b/%2e%2e", "/a/"},
	{"mixed", "/a/./b/%2e%2e/c/.%2E/../d", "/d"},
	{"dots and query", "/a/../b?c=/../d", "/b?c=/../d"},
	{"absolute-form with dots", "http://example.com/a/../b", "/b"},
	{"slashes after two dots", "/a/..//b", "//b"},
	{"slashes around a dot", "/a//.//b", "/a///b"},
	{"the rest stays as it is", "/%7euser/a%2Fb/./c%zz;d", "/%7euser/a%2Fb/c%zz;d"},
	{"dot beside a segment with an encoded slash", "/a%2Fb/./c", "/a%2Fb/c"},
	{"parameters", "/a;b=../c;jsessionid=1/./;d", "/a;b=../c;jsessionid=1/;d"},
	{"two dots away from an encoded slash", "/a%2Fb/c/../d", "/a%2Fb/d"},
}

func TestTargetChanged(t *testing.T) {
	for _, tt := range changedTargets {
		t.Run(tt.name, func(t *testing.T) {
			testTarget(t, visit("REQUEST_URI="+tt.target), false, tt.want)
		})
	}
}

// refusedTargets may mean one thing to the web server, which has decided on
// them, and another to the app.
var refusedTargets = []struct {
	name, target string
}{
	{"no slash", "a/b"},
	{"authority-form", "example.com:443"},
	{"no scheme", "://example.com/"},
	{"scheme that is no token", "ht tp://example.com/"},
	{"asterisk", "*"}, // the method is GET
	{"query alone", "?a"},
	{"two dots before an encoded slash", "/a/..%2Fb"},
	{"two dots after an encoded slash", "/a%2f../b"},
	{"two dots after an encoded slash, at the end", "/a%2F.."},
	{"two dots between encoded slashes", "/a%2F..%2Fb"},
	{"dot between encoded slashes", "/a%2F.%2fb"},
	{"encoded dots after an encoded slash", "/a%2f%2e%2e/b"},
	{"encoded dots between encoded slashes", "/a%2f%2E%2E%2Fb"},
	{"two dots that take away an encoded slash", "/a%2Fb/../c"},
	{"two dots behind an empty segment", "/a//../b"},
	{"two dots behind an empty segment, encoded", "/a//%2e%2e/b"},
	{"two dots behind empty segments at the root", "//../a"},
	{"two dots that come to an empty segment", "/a//b/../../c"},
	{"two dots with a parameter", "/open/..;/admin"},
	{"two dots with a parameter that has a value", "/open/..;a=b/admin"},
	{"encoded dots with a parameter", "/open/%2e%2E;/admin"},
	{"dot with a parameter at the end", "/open/.;a"},
	{"two dots with a parameter after an encoded slash", "/open%2F..;/admin"},
	{"empty segment with a parameter", "/;a/admin"},
	{"number sign in the path", "/a#b"},
	{"number sign before two dots", "/open#/../admin"},
	{"number sign before a query", "/a#?b"},
	{"number sign behind a host", "http://example.com#/../a"},
}

func TestTargetRefused(t *testing.T) {
	for _, tt := range refusedTargets {
		t.Run(tt.name, func(t *testing.T) {
			path, query, err := requestTarget(visit("REQUEST_URI="+tt.target), false)
			if err == nil {
				t.Fatalf("REQUEST_URI %q is %q, want status 400", tt.target, path+query)
			}
			wantFailure(t, err, 400)
		})
	}
}

func TestTargetAsterisk(t *testing.T) {
	testTarget(t, visit("REQUEST_METHOD=OPTIONS", "REQUEST_URI=*"), false, "*")
}

func TestTargetScriptName(t *testing.T) {
	const (
		file  = "/home/me/public_html/sub/proxy.cgi"
		nginx = "/srv/proxy.cgi"
	)
	tests := []struct {
		name, script, file, target, want string
	}{
		{"in the URL", "/sub/proxy.cgi", file, "/sub/proxy.cgi/x?y", "/sub/x?y"},
		{"at the end", "/sub/proxy.cgi", file, "/sub/proxy.cgi", "/sub/"},
		{"at the end, with a query", "/sub/proxy.cgi", file, "/sub/proxy.cgi?y", "/sub/?y"},
		{"before a slash", "/sub/proxy.cgi", file, "/sub/proxy.cgi/", "/sub/"},
		{"in the root", "/proxy.cgi", file, "/proxy.cgi/x", "/x"},
		{"in the root, at the end", "/proxy.cgi", file, "/proxy.cgi", "/"},
		{"encoded", "/sub/proxy.cgi", file, "/sub/proxy%2ecgi/x", "/sub/x"},
		{"folder encoded stays so", "/sub/proxy.cgi", file, "/s%75b/proxy.cgi/x", "/s%75b/x"},
		{"folder with a blank", "/a b/proxy.cgi", file, "/a%20b/proxy.cgi/x%20y", "/a%20b/x%20y"},
		{"two slashes before it", "/sub/proxy.cgi", file, "/sub//proxy.cgi/x", "/sub//x"},
		{"two slashes behind it", "/sub/proxy.cgi", file, "/sub/proxy.cgi//x", "/sub//x"},
		{"after dot segments", "/sub/proxy.cgi", file, "/a/../sub/./proxy.cgi/x", "/sub/x"},
		{"with dot segments behind it", "/sub/proxy.cgi", file, "/sub/proxy.cgi/a/../x", "/sub/x"},
		{"absolute-form", "/sub/proxy.cgi", file, "http://example.com/sub/proxy.cgi/x", "/sub/x"},
		{"only once", "/sub/proxy.cgi", file, "/sub/proxy.cgi/sub/proxy.cgi/x", "/sub/sub/proxy.cgi/x"},

		{"a rewritten URL", "/sub/proxy.cgi", file, "/sub/x", "/sub/x"},
		{"a longer name", "/sub/proxy.cgi", file, "/sub/proxy.cgix", "/sub/proxy.cgix"},
		{"in another folder", "/sub/proxy.cgi", file, "/proxy.cgi/x", "/proxy.cgi/x"},
		{"further down", "/sub/proxy.cgi", file, "/sub/x/proxy.cgi", "/sub/x/proxy.cgi"},
		{"in the query", "/sub/proxy.cgi", file, "/sub/?/sub/proxy.cgi/x", "/sub/?/sub/proxy.cgi/x"},
		{"with an encoded slash", "/sub/proxy.cgi", file, "/sub/proxy.cgi%2Fx", "/sub/proxy.cgi%2Fx"},
		{"in upper case", "/sub/proxy.cgi", file, "/sub/PROXY.CGI/x", "/sub/PROXY.CGI/x"},
		{"nginx, SCRIPT_NAME is the whole URL", "/a/b", nginx, "/a/b", "/a/b"},
		{"nginx, the root", "/", nginx, "/", "/"},
		{"ScriptAlias", "/app", "/usr/lib/cgi-bin/proxy.cgi", "/app/x", "/app/x"},
		{"a name that only starts so", "/sub/proxy.cgi", "/home/me/sub/proxy.cgi", "/sub/proxy.cgix/a", "/sub/proxy.cgix/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("SCRIPT_NAME="+tt.script, "SCRIPT_FILENAME="+tt.file, "REQUEST_URI="+tt.target)
			testTarget(t, env, false, tt.want)
		})
	}
}

// Only the rules of a .htaccess lead a URL that names one script to the other.
func TestTargetOtherScript(t *testing.T) {
	tests := []struct {
		name, server, script, target, want string
	}{
		{"the script for uploads, answered by the one for pages", "Apache/2.4.71 (Debian)", "proxy.fcgi", "/sub/proxy.cgi/a?b", "/sub/a?b"},
		{"the other way round", "Apache", "proxy.cgi", "/sub/proxy.fcgi/a", "/sub/a"},
		{"LiteSpeed", "LiteSpeed", "proxy.cgi", "/sub/proxy.fcgi/a", "/sub/a"},
		{"nginx", "nginx/1.22.1", "proxy.cgi", "/sub/proxy.fcgi/a", "/sub/proxy.fcgi/a"},
		{"nginx, encoded", "nginx/1.22.1", "proxy.cgi", "/sub/%70roxy.fcgi/a", "/sub/%70roxy.fcgi/a"},
		{"lighttpd", "lighttpd/1.4.69", "proxy.fcgi", "/sub/proxy.cgi/a", "/sub/proxy.cgi/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("SERVER_SOFTWARE="+tt.server, "SCRIPT_NAME=/sub/"+tt.script, "SCRIPT_FILENAME=/home/me/sub/"+tt.script, "REQUEST_URI="+tt.target)
			testTarget(t, env, false, tt.want)
		})
	}
}

// Behind the script's name a server without .htaccess may have been asked about
// nothing: what its regular expressions may not see is refused.
func TestTargetScriptNameNotUTF8(t *testing.T) {
	for _, tt := range []struct {
		name, server, target, want string // "" for 400
	}{
		{"encoded", "lighttpd/1.4.69", "/proxy.cgi/admin/%a0", ""},
		{"raw", "lighttpd/1.4.69", "/proxy.cgi/admin/\xff", ""},
		{"a surrogate", "lighttpd/1.4.69", "/proxy.cgi/admin/%ed%a0%80", ""},
		{"no encoding", "lighttpd/1.4.69", "/proxy.cgi/admin/%zz", ""},
		{"UTF-8", "lighttpd/1.4.69", "/proxy.cgi/%c3%a4", "/%c3%a4"},
		{"the query", "lighttpd/1.4.69", "/proxy.cgi/a?%a0", "/a?%a0"},
		{"no name", "lighttpd/1.4.69", "/admin/%a0", "/admin/%a0"},
		{"Apache", "Apache/2.4.71", "/proxy.cgi/%a0", "/%a0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("SERVER_SOFTWARE="+tt.server, "SCRIPT_NAME=/proxy.cgi", "SCRIPT_FILENAME=/srv/proxy.cgi", "REQUEST_URI="+tt.target)
			if tt.want != "" {
				testTarget(t, env, false, tt.want)
				return
			}
			_, _, err := requestTarget(env, false)
			wantFailure(t, err, 400)
		})
	}
}

func TestTargetFromPathInfo(t *testing.T) {
	const script, file = "SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/home/me/public_html/sub/proxy.cgi"
	const odd = "/a b%2F\xc3\xa4/c?d#e;f\r\n\x00[|]\"~"
	const oddEncoded = "/a%20b%252F%C3%A4/c%3Fd%23e;f%0D%0A%00%5B%7C%5D%22~"
	tests := []struct {
		name        string
		usePathInfo bool
		vars        []string
		want        string
	}{
		{"folder and PATH_INFO", false, []string{script, file, "PATH_INFO=/a/b"}, "/sub/a/b"},
		{"root and PATH_INFO", false, []string{"PATH_INFO=/a/b"}, "/a/b"},
		{"query", false, []string{script, file, "PATH_INFO=/a", "QUERY_STRING=b=c%20d"}, "/sub/a?b=c%20d"},
		{"query with a blank", false, []string{"PATH_INFO=/a", "QUERY_STRING=b c"}, "/a?b%20c"},
		{"encoded anew", false, []string{script, file, "PATH_INFO=" + odd}, "/sub" + oddEncoded},
		{"folder encoded", false, []string{"SCRIPT_NAME=/a b/proxy.cgi", file, "PATH_INFO=/c"}, "/a%20b/c"},
		{"dot segments", false, []string{script, file, "PATH_INFO=/a/../../../b"}, "/b"},
		{"two slashes", false, []string{"PATH_INFO=//evil.example/a"}, "//evil.example/a"},
		{"no PATH_INFO", false, []string{script, file}, "/sub/"},
		{"no PATH_INFO in the root", false, nil, "/"},
		{"nginx, SCRIPT_NAME is the whole URL", false, []string{"SCRIPT_NAME=/a/b", "SCRIPT_FILENAME=/srv/proxy.cgi"}, "/a/b"},

		{"USE_PATH_INFO", true, []string{script, file, "REQUEST_URI=/sub/public?x", "PATH_INFO=/a/b", "QUERY_STRING=c=d"}, "/a/b?c=d"},
		{"USE_PATH_INFO, encoded anew", true, []string{script, file, "REQUEST_URI=/sub/public", "PATH_INFO=" + odd}, oddEncoded},
		{"USE_PATH_INFO, none", true, []string{script, file, "REQUEST_URI=/sub/public"}, "/"},
		{"USE_PATH_INFO, no slash", true, []string{script, file, "PATH_INFO=a"}, "/a"},
		{"USE_PATH_INFO, dot segments", true, []string{script, file, "PATH_INFO=/a/../../b"}, "/b"},
		{"USE_PATH_INFO, a percent sign is one", true, []string{"PATH_INFO=/%2e%2e/a"}, "/%252e%252e/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vars := tt.vars
			if !tt.usePathInfo {
				vars = append(vars, "REQUEST_URI=")
			}
			testTarget(t, visit(vars...), tt.usePathInfo, tt.want)
		})
	}
}

func testTarget(t *testing.T, env Environ, usePathInfo bool, want string) {
	t.Helper()
	path, query, err := requestTarget(env, usePathInfo)
	if err != nil {
		t.Fatalf("REQUEST_URI %q: error %v, want %q", env["REQUEST_URI"], err, want)
	}
	if got := path + query; got != want {
		t.Errorf("REQUEST_URI %q: got %q, want %q", env["REQUEST_URI"], got, want)
	}
}
