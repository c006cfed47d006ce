// Apache as a shared host runs it: all is set but what a customer's .htaccess
// has to say, handlers for .cgi included.

package webserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// apache is a build of the kinds of Apache.
type apache struct {
	mpm    string // event or prefork
	cgi    string // the module that runs programs, cgid or cgi
	fcgid  bool   // mod_fcgid beside it; .htaccess decides which one runs what
	suexec bool
}

const (
	apacheModules = "/usr/lib/apache2/modules"
	suexecProgram = "/usr/lib/apache2/suexec"
	suexecLog     = "/var/log/apache2/suexec.log"
	suexecRoot    = "/var/www" // compiled in, and the default of suexec-custom
)

// The modules of a usual Debian or cPanel host that a .htaccess may use.
const hostModules = `access_compat alias auth_basic authn_core authn_file authz_core authz_host
	authz_user autoindex deflate dir env expires filter headers mime negotiation reqtimeout
	rewrite setenvif unique_id userdir`

func (a apache) setup(s *Server, o Options) ([]command, error) {
	program, err := program("apache2", "apache2")
	if err != nil {
		return nil, err
	}
	if a.suexec {
		if err := s.useSuexec(); err != nil {
			return nil, err
		}
	}
	modules, err := a.loadModules()
	if err != nil {
		return nil, err
	}
	config := modules + a.config(s) + s.fill(o.Config)
	if err := os.WriteFile(s.path("apache.conf"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	// Started as root it gives that up only in its workers.
	self := account{os.Getuid(), os.Getgid()}
	return []command{{path: program, args: []string{"-DFOREGROUND", "-f", s.path("apache.conf")}, as: self}}, nil
}

// useSuexec moves the document root to where suEXEC allows programs, and hands
// it to the user they will run as.
func (s *Server) useSuexec() error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: suEXEC needs root: run the tests as root to include it", ErrUnavailable)
	}
	if _, err := os.Stat(suexecProgram); err != nil {
		return unavailable(suexecProgram, "apache2-suexec-custom")
	}
	nobody, err := lookupAccount("nobody", "nogroup")
	if err != nil {
		return err
	}
	s.UID, s.GID = nobody.uid, nobody.gid
	s.logs = append(s.logs, sinceNow(suexecLog)) // why a program was refused is only there
	folder, err := s.newFolder(suexecRoot, nobody)
	if err != nil {
		return err
	}
	s.Root = filepath.Join(folder, "htdocs")
	return newSubfolder(s.Root, nobody)
}

func (a apache) loadModules() (string, error) {
	names := append(strings.Fields(hostModules), "mpm_"+a.mpm, a.cgi)
	if a.suexec {
		names = append(names, "suexec")
	}
	if a.fcgid {
		names = append(names, "fcgid")
	}
	var b strings.Builder
	for _, name := range names {
		file := filepath.Join(apacheModules, "mod_"+name+".so")
		if _, err := os.Stat(file); err != nil {
			pkg := "apache2"
			if name == "fcgid" {
				pkg = "libapache2-mod-fcgid"
			}
			return "", unavailable(file, pkg)
		}
		fmt.Fprintf(&b, "LoadModule %s_module %s\n", name, file)
	}
	return b.String(), nil
}

func (a apache) config(s *Server) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
TransferLog %[1]s/access.log
LogLevel warn %[2]s:info
Listen %[3]s
ServerName %[3]s
KeepAlive On
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType text/javascript .js
AddType text/plain .txt
AddType image/png .png
AddType image/svg+xml .svg
DocumentRoot %[4]s
<Directory />
	AllowOverride None
	Require all denied
</Directory>
<Directory %[4]s>
	AllowOverride All
	Options +ExecCGI +FollowSymLinks
	Require all granted
</Directory>
<Files ".ht*">
	Require all denied
</Files>
`, s.dir, a.cgi, s.Addr, s.Root)
	if a.mpm == "event" {
		// The number of workers has to be a multiple of the threads.
		b.WriteString("StartServers 1\nThreadsPerChild 64\nMaxRequestWorkers 256\n")
	} else {
		// It adds one a second at first, too slow for tests of parallel requests.
		b.WriteString("StartServers 16\nMinSpareServers 16\nMaxSpareServers 32\nMaxRequestWorkers 256\n")
	}
	if a.cgi == "cgid" {
		fmt.Fprintf(&b, "ScriptSock %s\n", s.path("cgid.sock"))
	}
	if a.fcgid {
		// All else as the module has it by itself, for hosts change little.
		fmt.Fprintf(&b, "LogLevel fcgid:info\nFcgidIPCDir %[1]s/fcgid\nFcgidProcessTableFile %[1]s/fcgid.shm\n", s.dir)
	}
	if os.Getuid() == 0 {
		fmt.Fprintf(&b, "User \"#%d\"\nGroup \"#%d\"\n", s.web.uid, s.web.gid)
	}
	if a.suexec {
		// "Suexec On" refuses to start where suEXEC would not work, instead of
		// running programs as the server's user.
		b.WriteString("Suexec On\nSuexecUserGroup nobody nogroup\n")
	}
	return b.String()
}
