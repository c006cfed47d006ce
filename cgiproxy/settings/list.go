package settings

// A Setting describes one field of Config.
type Setting struct {
	Name    string // without Prefix
	Default string // "" for none
	Example string
	Desc    string // of which ~ stands for a backquote
}

// List describes the fields of Config, in their order.
func List() []Setting { return list[:] }

// list is not made of the fields' tags: envconfig searches each of them several
// times, and with these texts that was a hundredth of a CGI process's time.
var list = [...]Setting{
	{"UPSTREAM", "", "6543",
		"(required) where the app listens: ~6543~ (this machine: 127.0.0.1, then ::1), ~host:port~, ~[::1]:6543~, ~http(s)://host[:port][/base]~ or ~unix:/path/app.sock~ (a relative path starts at START_DIR); with START also ~auto~, a free port chosen at each start"},
	{"STRIP_PREFIX", "", "auto",
		"public path prefix taken away before forwarding; ~auto~ is the folder proxy.cgi is in. Redirects, Content-Location, Refresh and cookie paths get it back"},
	{"USE_PATH_INFO", "false", "true",
		"take the path from PATH_INFO (sites that rewrite on purpose) instead of REQUEST_URI"},
	{"PRESERVE_HOST", "true", "false",
		"send the visitor's Host to the app"},
	{"TRUSTED_PROXIES", "", "10.0.0.0/8,192.0.2.7",
		"addresses and CIDRs, separated by commas, whose X-Forwarded-* are believed and added to; those of others are replaced. They must not pass on what visitors forge: see \"Proxies in front\" in MANUAL.md"},
	{"CONNECT_TIMEOUT", "5s", "5s",
		"time to connect to the app; 0 is no limit"},
	{"HEADER_TIMEOUT", "60s", "60s",
		"time until the header of the app's answer, and for the app to take each piece of an upload; 0 is no limit"},
	{"IDLE_TIMEOUT", "0", "5m",
		"time between two pieces of the answer; 0 is no limit"},
	{"CONNECT_RETRY", "0s", "10s",
		"keep trying a refused connection this long (an app that restarts)"},
	{"MAX_BODY", "0", "10485760",
		"largest request body in bytes, without a unit; a larger one is 413; 0 is no limit"},
	{"TLS_SKIP_VERIFY", "false", "true",
		"accept any certificate of an https app"},
	{"TLS_CA", "", "/home/me/ca.pem",
		"PEM file with the certificate authorities of an https app, in place of the system's; a relative path starts at the folder of proxy.cgi"},
	{"SECRET", "", "'a long random text'",
		"signs each request with X-Proxy-Signature, so that the app can tell it from one of somebody else on the machine"},
	{"REQUIRE_OWNER", "false", "true",
		"send nothing unless the app's socket was opened by the user that proxy.cgi runs as; else 502. With START it is true unless set to false"},
	{"ERROR_PAGE", "", "/home/me/error.html",
		"HTML file shown to browsers in place of the built-in error page; a relative path starts at the folder of proxy.cgi"},
	{"LOG_LEVEL", "warn", "info",
		"what goes to the web server's error log: ~error~, ~warn~, ~info~ (a line for each request) or ~debug~"},
	{"LOG_FILE", "", ".htproxy.log",
		"file that gets these lines, too, each with its date; at 1 MiB it is renamed to the same name with ~.1~, in place of the one before, or emptied where the folder may not be written to. A relative path starts at the folder of proxy.cgi; in that folder the name must begin with ~.ht~ and end in ~.log~, or visitors could read it"},
	{"START", "", "'venv/bin/gunicorn --preload -b 127.0.0.1:$PORT app:app'",
		"command that starts the app when a request finds nobody listening; ~/bin/sh -c~ runs it in START_DIR, with PORT or SOCKET from UPSTREAM"},
	{"START_DIR", "", "/home/me/app",
		"where the app's files are; a relative path starts at the folder of proxy.cgi, which is the default"},
	{"START_TIMEOUT", "30s", "60s",
		"time from its start until the app listens; then it is ended"},
	{"START_LOG", "", "logs/app.log",
		"file that gets what the app prints, cut to its last 512 KiB where a request finds more than 1 MiB; a relative path starts at START_DIR; the default is app.log there"},
	{"START_ENV", "", "DATABASE_URL,NODE_ENV",
		"names of variables that the app gets, separated by commas; their values are lines of .htcgiproxy (~DATABASE_URL=...~), or else of the environment (SetEnv)"},
	{"START_PAGE", "true", "false",
		"show browsers a page that reloads itself while the app takes more than 2 s to start"},
	{"RESTART_FILE", "", "tmp/restart.txt",
		"the next request restarts the app when this file appears or changes; a relative path starts at START_DIR; the default is tmp/restart.txt there. While always_restart.txt is beside it, each request does"},
	{"IDLE_STOP", "0", "30m",
		"stop the app after this long without a request; 0 is never"},
	{"STATUS_PATH", "", "/my-status",
		"path on the site, as a visitor asks it, where you, and nobody else, find a page about the site's state; needs STATUS_TOKEN"},
	{"STATUS_TOKEN", "", "'16 letters or more, at random'",
		"what you log in there with, at least 16 characters that nobody can guess; needs STATUS_PATH"},
}
