package e2e

import (
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var (
	suexec    = []webserver.Kind{webserver.ApacheSuexec}
	notSuexec = []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork}
	allCGI    = slices.Concat(suexec, notSuexec)
	onlyFcgid = []webserver.Kind{fcgid}
)

// The rows of README, by their beginning, that have several troubles.
const (
	suexecRow    = `500, log: "suexec policy violation", or only "End of script output before headers"`
	violation    = "suexec policy violation"
	onlyEnd      = "End of script output before headers"
	execRow      = `500, log: "exec of ... failed"`
	execFailed   = "exec of ... failed"
	settingsRow  = "500 with a request number"
	forbiddenRow = "403 |"
	apache404Row = "404 from Apache"
)

// forbidPage has Apache refuse the page.
const forbidPage = "RewriteEngine On\nRewriteRule ^page - [F]"

// noOptions is what the comment of htaccess.example tells where the host forbids
// the lines.
var noOptions = []string{"Options -MultiViews\n<If \"true\">\n  Options +SymLinksIfOwnerMatch\n</If>\n", "", "  Options +ExecCGI\n", ""}

var troubles = []trouble{
	{name: "htaccess is not read", row: "a list of files", kinds: allCGI, folder: "unread", request: "GET ", status: "200", page: "Index of"},
	{name: "no handler", row: "`proxy.cgi` is downloaded", kinds: allCGI, change: []string{"  SetHandler cgi-script\n", ""}, request: "GET page", status: "200", page: "\x7fELF"},
	{name: "a line that the host does not know", row: "500 on every page, also for images", kinds: allCGI, change: []string{"RewriteEngine On", "NoSuchLine On"}, request: "GET style.css", status: "500", log: "Invalid command"},

	{name: "program that the group may write", row: suexecRow, kinds: suexec, spoil: upload(0o775, whole), request: "GET page", status: "500", log: violation, reason: "file is writable by others"},
	{name: "program that others may write", row: suexecRow, kinds: suexec, spoil: upload(0o757, whole), request: "GET page", status: "500", log: violation, reason: "file is writable by others"},
	{name: "program without x", row: suexecRow, kinds: suexec, spoil: upload(0o644, whole), request: "GET page", status: "500", log: violation, reason: "file has no execute permission"},
	{name: "folder that the group may write", row: suexecRow, kinds: suexec, spoil: onFile("", chmod(0o775)), request: "GET page", status: "500", log: violation, reason: "directory is writable by others"},
	{name: "program of another user", row: suexecRow, kinds: suexec, spoil: onFile("proxy.cgi", copyOfRoot), request: "GET page", status: "500", log: violation, reason: "target uid/gid"},
	{name: "folder of another user", row: suexecRow, kinds: suexec, spoil: onFile("", giveToRoot), request: "GET page", status: "500", log: violation, reason: "target uid/gid"},
	{name: "a link", row: suexecRow, kinds: suexec, spoil: onFile("proxy.cgi", leaveLink), request: "GET page", status: "500", log: violation},
	{name: "upload not whole", row: suexecRow, kinds: allCGI, spoil: upload(0o755, half), request: "GET page", status: "500", log: onlyEnd},
	{name: "upload not in binary mode", row: suexecRow, kinds: allCGI, spoil: upload(0o755, textMode), request: "GET page", status: "500", log: onlyEnd},
	{name: "program for another system", row: suexecRow, kinds: suexec, spoil: upload(0o755, foreign), request: "GET page", status: "500", log: onlyEnd},
	{name: "program without x", row: suexecRow, kinds: onlyFcgid, spoil: upload(0o644, whole), request: "GET page", status: "500", log: onlyEnd},
	{name: "program for another system", row: suexecRow, kinds: onlyFcgid, spoil: upload(0o755, foreign), request: "GET page", status: "500", log: onlyEnd},

	{name: "program without x", row: execRow, kinds: notSuexec, spoil: upload(0o644, whole), request: "GET page", status: "500", log: execFailed, reason: "Permission denied"},
	{name: "program for another system", row: execRow, kinds: notSuexec, spoil: upload(0o755, foreign), request: "GET page", status: "500", log: execFailed, reason: "Exec format error"},
	{name: "empty upload", row: execRow, kinds: notSuexec, spoil: upload(0o755, empty), request: "GET page", status: "500", log: execFailed, reason: "Exec format error"},

	{name: "a setting", row: settingsRow, kinds: allCGI, settings: "CGIPROXY_MAX_BODY=1MB\n", request: "GET page", status: "500", page: pageNumber, reason: "CGIPROXY_MAX_BODY"},
	{name: "settings that others may write", row: settingsRow, kinds: allCGI, spoil: onFile(".htcgiproxy", chmod(0o666)), request: "GET page", status: "500", page: pageNumber, reason: ".htcgiproxy"},
	{name: "settings that scripts may not read", row: settingsRow, kinds: allCGI, spoil: onFile(".htcgiproxy", chmod(0)), request: "GET page", status: "500", page: pageNumber, log: "permission denied"},
	{name: "the server as its own app", row: `500, log: "leads back to this site itself"`, kinds: allCGI, settings: "CGIPROXY_UPSTREAM={addr}\n", request: "GET page", status: "500", log: "leads back to this site itself"},

	{name: "links are off", row: "403 on every page, log: AH00670", kinds: allCGI, folder: "nolinks", change: noOptions, request: "GET page", status: "403", log: "AH00670"},
	{name: "folder closed", row: forbiddenRow, kinds: allCGI, spoil: onFile("", chmod(0)), request: "GET page", status: "403"},
	{name: "htaccess closed", row: forbiddenRow, kinds: allCGI, spoil: onFile(".htaccess", chmod(0)), request: "GET page", status: "403"},
	{name: "no scripts here", row: forbiddenRow, kinds: allCGI, folder: "noscripts", change: noOptions, request: "GET page", status: "403", log: "ExecCGI is off in this directory"},
	{name: "a list against scripts", row: forbiddenRow, kinds: allCGI, change: []string{"RewriteEngine On", "RedirectMatch 403 (?i)\\.(bak|f?cgi)$\nRewriteEngine On"}, request: "GET page", status: "403"},
	{name: "256 bytes of a path", row: forbiddenRow, kinds: allCGI, request: "GET " + strings.Repeat("x", 256), status: "403"},
	{name: "255 bytes of a path", row: forbiddenRow, kinds: allCGI, request: "GET " + strings.Repeat("x", 255), status: "200", page: "GET "},
	{name: "refused, and a page for it", row: "401, 403, 404 or 500 with a request number", kinds: allCGI, change: []string{statusCondition, "", "RewriteEngine On", forbidPage + "\nErrorDocument 403 {site}/no.shtml"},
		request: "GET page", status: "403", page: pageNumber, log: "the web server itself refused"},

	{name: "other rules first", row: apache404Row, kinds: allCGI, change: []string{"RewriteEngine On", "RewriteEngine On\nRewriteRule ^page - [L]"}, request: "GET page", status: "404"},
	{name: "encoded slash", row: apache404Row, kinds: allCGI, request: "GET a%2Fb", status: "404"},
	{name: "nobody listens", row: "502", kinds: allCGI, settings: "CGIPROXY_UPSTREAM=127.0.0.1:1\n", request: "GET page", status: "502", page: pageNumber, reason: "127.0.0.1:1"},
	{name: "a socket that is closed to scripts", row: "502", kinds: allCGI, spoil: closeSocket, request: "GET page", status: "502", page: pageNumber, reason: "permission denied"},
	{name: "an app that does not start", row: "503", kinds: allCGI, settings: "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='exit 3'\n", request: "GET page", status: "503", page: pageNumber, reason: "status 3"},
	{name: "a slow app", row: "504", kinds: allCGI, settings: "CGIPROXY_HEADER_TIMEOUT=1ms\n", request: "GET slow", status: "504", page: pageNumber, reason: "CGIPROXY_HEADER_TIMEOUT"},
	{name: "a slow app", row: "500 after 40 s", kinds: onlyFcgid, request: "GET slow", status: "500", log: "read data timeout", reason: onlyEnd},
	{name: "a slow app, and HEADER_TIMEOUT", row: "500 after 40 s", kinds: onlyFcgid, settings: "CGIPROXY_HEADER_TIMEOUT=1ms\n", request: "GET slow", status: "504", page: pageNumber, reason: "CGIPROXY_HEADER_TIMEOUT"},
	{name: "a large upload", row: "413", kinds: allCGI, settings: "CGIPROXY_MAX_BODY=2\n", request: "POST page", status: "413", page: pageNumber, reason: "CGIPROXY_MAX_BODY"},
}
