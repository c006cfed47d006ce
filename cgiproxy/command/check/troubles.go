package check

// A Trouble is a row of README's "When it does not work", which is generated
// from these. In its texts ~ stands for a backquote.
type Trouble struct {
	ID     string
	See    string   // what one sees
	Do     string   // what it means, and what to do
	Log    []string // what the row has of the log's lines, "..." for anything
	Checks []string // the checks that find it
	Live   string   // what of it only a request to the live site shows, "" for nothing
}

// Troubles returns the rows, in README's order.
func Troubles() []Trouble {
	return []Trouble{
		{
			ID:     "listing",
			See:    "a list of files, or the host's own page",
			Do:     "~.htaccess~ is not read: is that its name, and may it say anything (~AllowOverride~)?",
			Checks: []string{"htaccess", "rewrite"},
			Live:   "whether the host reads .htaccess at all (AllowOverride)",
		},
		{
			ID:     "download",
			See:    "~proxy.cgi~ is downloaded",
			Do:     "The handler is missing: are the ~<Files>~ lines in ~.htaccess~, and is it read? Delete the file until it is.",
			Checks: []string{"handler"},
		},
		{
			ID:     "500-everywhere",
			See:    "500 on every page, also for images",
			Do:     "A line of ~.htaccess~ that the host forbids (\"not allowed\") or does not know (\"Invalid command\"); the log names it, and the comment in ~htaccess.example~ what to write instead. Without mod_rewrite there is no way.",
			Log:    []string{"not allowed", "Invalid command"},
			Checks: []string{"lines"},
			Live:   "which lines the host forbids (AllowOverride)",
		},
		{
			ID:     "suexec",
			See:    "500, log: \"suexec policy violation\", or only \"End of script output before headers\"",
			Do:     "Images still work. Mostly permissions other than 755 on ~proxy.cgi~ or its folder (group or others may write). Else an upload not in binary mode or not whole (compare the size in bytes), a program built for another system, files that another user owns, a link; the host knows which, from its suexec.log.",
			Log:    []string{"suexec policy violation", "End of script output before headers"},
			Checks: []string{"writable", "owner", "link", "whole"},
		},
		{
			ID:     "memory",
			See:    "500, log: \"failed to reserve page summary memory\", or \"runtime: out of memory\"",
			Do:     "The host limits the memory of scripts. Take ~linux/386~.",
			Log:    []string{"failed to reserve page summary memory"},
			Checks: []string{"memory"},
		},
		{
			ID:     "exec",
			See:    "500, log: \"exec of ... failed\"",
			Do:     "\"Permission denied\": permissions other than 755, or a host that runs no programs there (try ~cgi-bin~). \"Exec format error\": built for another system, or a broken upload.",
			Log:    []string{"exec of ... failed"},
			Checks: []string{"script", "system", "release", "executable", "mount"},
		},
		{
			ID:     "threads",
			See:    "500, log: \"failed to create new OS thread\"",
			Do:     "The host's limit on processes, which counts threads. ~proxy.cgi~ has about 4: raise the limit, or take [FastCGI](MANUAL.md#fastcgi), which needs one process.",
			Log:    []string{"failed to create new OS thread"},
			Checks: []string{"processes"},
		},
		{
			ID:     "setting",
			See:    "500 with a request number",
			Do:     "A setting: the log line names it and shows how to write it. Or the permissions of ~.htcgiproxy~: nobody else may write to it, and where the log says \"permission denied\", scripts do not run as you and need 644.",
			Checks: []string{"settings-file", "settings", "notes", "setenv", "start"},
		},
		{
			ID:     "loop",
			See:    "500, log: \"leads back to this site itself\"",
			Do:     "~CGIPROXY_UPSTREAM~ is the web server's own address.",
			Log:    []string{"leads back to this site itself"},
			Checks: []string{"app-http"},
		},
		{
			ID:     "links",
			See:    "403 on every page, log: AH00670",
			Do:     "Links are off: the ~<If \"true\">~ of ~htaccess.example~ turns them on for rewrite rules; where ~Options~ is forbidden, ask the host for them.",
			Log:    []string{"AH00670"},
			Checks: []string{"links"},
		},
		{
			ID:     "forbidden",
			See:    "403",
			Do:     "The permissions of the folder or of ~.htaccess~. Log: \"ExecCGI is off in this directory\": the host forbids CGI there; ask it. A line in ~.htaccess~ against scripts, as firewall lists have one (~RedirectMatch 403 \\.cgi$~), takes ~proxy.cgi~, too: leave ~cgi~ out of it. Parts of a path over 255 bytes, and paths over 4 KB in all, are 403 by Apache itself.",
			Log:    []string{"ExecCGI is off in this directory"},
			Checks: []string{"folders", "htaccess", "exec-cgi", "link", "parents", "rule-order"},
			Live:   "a path of over 255 bytes",
		},
		{
			ID:     "refused",
			See:    "401, 403, 404 or 500 with a request number, log: \"the web server itself refused\"",
			Do:     "The host has pages for its errors (~ErrorDocument~), and your ~.htaccess~ sends them to ~proxy.cgi~: take the line with ~REDIRECT_STATUS~ from ~htaccess.example~. Why the request was refused is in the lines before.",
			Log:    []string{"the web server itself refused"},
			Checks: []string{"error-pages"},
		},
		{
			ID:     "apache-404",
			See:    "404 from Apache",
			Do:     "Other rewrite rules in ~.htaccess~ come first; where only ~public/~ is for visitors, any that are in ~public/.htaccess~. ~%2F~ in a path is 404 unless the server's own configuration has ~AllowEncodedSlashes~.",
			Checks: []string{"rule-order", "rewrite"},
			Live:   "%2F in a path (AllowEncodedSlashes)",
		},
		{
			ID:     "app-404",
			See:    "404 from the app",
			Do:     "It may expect paths without the folder: ~CGIPROXY_STRIP_PREFIX=auto~.",
			Checks: []string{"app-prefix"},
		},
		{
			ID:     "502",
			See:    "502",
			Do:     "The app is not running, listens on another port than ~.htcgiproxy~ says (the log has the address that was tried; if ~.htcgiproxy~ does not say that one, it is not there under this name), or broke off (what it said is in its own log). A unix socket must be writable for the user that scripts run as. An app that has stopped can be [started by the next request](#start-the-app).",
			Checks: []string{"app", "app-owner", "app-http"},
			Live:   "an app that breaks off",
		},
		{
			ID:     "503",
			See:    "503, or a page that says \"Starting\" again and again",
			Do:     "The app does not start. The log says why; what the app said is in ~app.log~ in its folder. With a shell: ~proxy.cgi app log public_html~. See [start the app](MANUAL.md#start-the-app).",
			Checks: []string{"start", "restart"},
		},
		{
			ID:     "504",
			See:    "504",
			Do:     "The app took longer than ~CGIPROXY_HEADER_TIMEOUT~, or than the host waits (Apache's ~Timeout~, mostly 60 s or more).",
			Checks: []string{"app-http", "app"},
		},
		{
			ID:   "fcgid-504",
			See:  "500 after 40 s, log: \"read data timeout\"",
			Do:   "mod_fcgid waits no longer (~FcgidIOTimeout~, the host's): let ~proxy.cgi~ do such pages. ~CGIPROXY_HEADER_TIMEOUT=35s~ makes it a 504.",
			Log:  []string{"read data timeout"},
			Live: "how long mod_fcgid waits for a page",
		},
		{
			ID:     "413",
			See:    "413",
			Do:     "~CGIPROXY_MAX_BODY~, the app itself, or the web server: nginx's ~client_max_body_size~, Apache's ~LimitRequestBody~.",
			Checks: []string{"max-body"},
			Live:   "the limit of the app itself",
		},
		{
			ID:     "redirect",
			See:    "an endless redirect",
			Do:     "The app thinks it is on http: it has to trust ~X-Forwarded-Proto~ ([frameworks](MANUAL.md#frameworks)). Behind Cloudflare or the like: [proxies in front](MANUAL.md#proxies-in-front).",
			Checks: []string{"app-https"},
			Live:   "proxies in front of the site",
		},
		{
			ID:     "slash",
			See:    "a form posted to a folder's name arrives as GET",
			Do:     "~DirectorySlash Off~ is missing: the host forbids it, or it was left out. Post to the name with a slash.",
			Checks: []string{"slash"},
		},
		{
			ID:     "other-app",
			See:    "pages of another app",
			Do:     "~.htcgiproxy~ in this folder has the other app's port, or there is none beside this ~proxy.cgi~, or no ~.htaccess~ in this folder. Or a link in the app's page leads out of its folder.",
			Checks: []string{"second-site", "setenv"},
		},
		{
			ID:     "late",
			See:    "everything comes at once, late",
			Do:     "A compression filter: see [streams](MANUAL.md#streams).",
			Checks: []string{"streams"},
			Live:   "which filters the host has",
		},
	}
}
