package webserver

// A Kind is a web server together with the way it runs programs. Its text is
// fit for the name of a subtest.
type Kind string

// The kinds that run proxy.cgi once for each request.
const (
	ApacheEvent   Kind = "apache-event-mod_cgid"
	ApachePrefork Kind = "apache-prefork-mod_cgi"
	ApacheSuexec  Kind = "apache-suexec" // event and mod_cgid; needs root
	LighttpdCGI   Kind = "lighttpd-mod_cgi"
	NginxFcgiwrap Kind = "nginx-fcgiwrap"
)

// CGI lists the kinds that run proxy.cgi once for each request.
var CGI = []Kind{ApacheEvent, ApachePrefork, ApacheSuexec, LighttpdCGI, NginxFcgiwrap}

// The kinds that keep proxy.fcgi running. Apache starts it when it is asked
// for; lighttpd when it starts itself, from Options.Program; nginx never, so a
// test does it with Server.Spawn.
const (
	ApacheFcgid      Kind = "apache-event-mod_fcgid" // with mod_cgid beside it
	LighttpdFastCGI  Kind = "lighttpd-mod_fastcgi"
	NginxFastCGI     Kind = "nginx-fastcgi"           // a connection for each request
	NginxFastCGIKeep Kind = "nginx-fastcgi_keep_conn" // kept open for the next
)

// FastCGI lists the kinds that keep proxy.fcgi running.
var FastCGI = []Kind{ApacheFcgid, LighttpdFastCGI, NginxFastCGI, NginxFastCGIKeep}

// setups holds what differs between kinds: a setup writes the configuration
// below s.dir and returns what to start, the web server itself last.
var setups = map[Kind]func(s *Server, o Options) ([]command, error){
	ApacheEvent:   apache{mpm: "event", cgi: "cgid"}.setup,
	ApachePrefork: apache{mpm: "prefork", cgi: "cgi"}.setup,
	ApacheSuexec:  apache{mpm: "event", cgi: "cgid", suexec: true}.setup,
	LighttpdCGI:   lighttpd{}.setup,
	NginxFcgiwrap: nginxFcgiwrap,

	ApacheFcgid:      apache{mpm: "event", cgi: "cgid", fcgid: true}.setup,
	LighttpdFastCGI:  lighttpd{fastcgi: true}.setup,
	NginxFastCGI:     nginxFastCGI{}.setup,
	NginxFastCGIKeep: nginxFastCGI{keep: true}.setup,
}
