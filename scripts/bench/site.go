package main

// Apache with a folder for each way to the app.

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// The ways a response comes.
const (
	viaCGI   = "mod_cgid"
	viaFCGI  = "mod_fcgid"
	viaProxy = "mod_proxy_http"
	viaNginx = "nginx"
)

// A target is one way to the app.
type target struct {
	name, via  string
	url        string // of its folder, with a slash
	executable string // as /proc shows it, "" for Apache itself
	asks       bool   // the app; else the response is its own
}

// A site is the running Apache, and nginx beside it.
type site struct {
	server  *webserver.Server
	nginx   *nginx // nil where it was not started
	targets []*target
}

func (s *site) stop() {
	if s.nginx != nil {
		s.nginx.stop()
	}
	if err := s.server.Stop(); err != nil {
		log.Print("stopping Apache: ", err)
	}
}

// siteConfig has all workers there from the start. The second part lets
// mod_fcgid start its processes as fast as they are asked for, where it would
// else pause for a second after each few.
const siteConfig = `
StartServers 4
MinSpareThreads 1
MaxSpareThreads 256
<IfModule !proxy_module>
	LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
</IfModule>
<IfModule !proxy_http_module>
	LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
</IfModule>
ProxyPass /mod_proxy/ http://%[1]s/mod_proxy/
`

const fcgidConfig = `
<IfModule !fcgid_module>
	LoadModule fcgid_module %[2]s
</IfModule>
FcgidIPCDir {root}/../fcgid
FcgidProcessTableFile {root}/../fcgid/table
FcgidSpawnScoreUpLimit 1000
FcgidInitialEnv UPSTREAM %[1]s
`

const fcgidModule = "/usr/lib/apache2/modules/mod_fcgid.so"

// openSite starts Apache and asks each way once for its response.
func openSite(b *bench) (*site, error) {
	config := fmt.Sprintf(siteConfig, b.app.addr)
	_, noFCGI := os.Stat(fcgidModule)
	if noFCGI == nil {
		config += fmt.Sprintf(fcgidConfig, b.app.addr, fcgidModule)
	} else {
		b.report.skip("FastCGI", "mod_fcgid is missing: apt-get install libapache2-mod-fcgid")
	}
	server, err := webserver.Start(webserver.ApacheEvent, webserver.Options{Config: config})
	if err != nil {
		return nil, err
	}
	s := &site{server: server}
	s.targets = []*target{{name: modProxy, via: viaProxy, url: server.URL + "/mod_proxy/", asks: true}}
	for _, name := range []string{ours, goProxy, goTrim, cProxy} {
		if err = s.add(b, named(b.programs, name), viaCGI); err != nil {
			break
		}
	}
	for _, p := range b.fastCGI {
		if err == nil && noFCGI == nil {
			err = s.add(b, p, viaFCGI)
		}
	}
	if err == nil {
		err = s.openNginx(b)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// add gives a program its folder, and takes it into the comparison if its
// response is right.
func (s *site) add(b *bench, p *program, via string) error {
	if p == nil {
		return nil // skipped by name already
	}
	suffix, handler := ".cgi", "cgi-script"
	if via == viaFCGI {
		suffix, handler = ".fcgi", "fcgid-script"
	}
	folder := fmt.Sprintf("way%d", len(s.targets))
	file := filepath.Base(p.path)
	file = strings.TrimSuffix(file, filepath.Ext(file)) + suffix
	t := &target{
		name:       p.name,
		via:        via,
		url:        s.server.URL + "/" + folder + "/",
		executable: filepath.Join(s.server.Root, folder, file),
		asks:       p.asks,
	}
	if err := s.install(t, p.path, fmt.Sprintf(rules, file, handler, b.app.addr), b.app.addr); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		if p.name == ours {
			return fmt.Errorf("%s under %s: %w; Apache's log:\n%s", p.name, via, err, s.server.ErrorLog())
		}
		b.report.skip(p.name+" under "+via, err.Error())
		log.Printf("left out: %s under %s: %v", p.name, via, err)
		return nil
	}
	s.targets = append(s.targets, t)
	return nil
}

// rules are what matters of htaccess.example.
const rules = `Options +ExecCGI
SetEnv UPSTREAM %[3]s
SetEnv ap_trust_cgilike_cl 1
<Files "%[1]s">
	SetHandler %[2]s
</Files>
RewriteEngine On
RewriteCond %%{REQUEST_FILENAME} !-f
RewriteRule ^ %[1]s [L]
`

// install fills a target's folder, as the account that runs the programs.
func (s *site) install(t *target, binary, htaccess, addr string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	folder := filepath.Dir(t.executable)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	paths := []string{folder}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{
		{filepath.Base(t.executable), program, 0o755},
		{".htcgiproxy", []byte("CGIPROXY_UPSTREAM=" + addr + "\n"), 0o600},
		{".htaccess", []byte(htaccess), 0o644},
	} {
		path := filepath.Join(folder, f.name)
		if err := os.WriteFile(path, f.data, f.mode); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		if err := os.Chown(path, s.server.UID, s.server.GID); err != nil {
			return err
		}
	}
	return nil
}

// check asks once.
func (t *target) check() error {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(t.url + "page")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	want := "hello\n"
	if t.asks {
		want = page
	}
	if err == nil && (resp.StatusCode != http.StatusOK || string(body) != want) {
		err = fmt.Errorf("response %s, %.80q", resp.Status, body)
	}
	return err
}

// find returns the target of that name and way, nil where there is none.
func (s *site) find(name, via string) *target {
	for _, t := range s.targets {
		if t.name == name && t.via == via {
			return t
		}
	}
	return nil
}
