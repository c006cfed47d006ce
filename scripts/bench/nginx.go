package main

// nginx, with FastCGI programs that run on their own, as it wants them.

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A nginx is the running one, with what it passes requests on to.
type nginx struct {
	server   *webserver.Server
	programs []*exec.Cmd
	folder   string // of the sockets
}

const nginxProxy = `
location /proxy_pass/ {
	proxy_pass http://%s;
	proxy_http_version 1.1;
	proxy_buffering off;
	proxy_request_buffering off;
}
`

const nginxProgram = `
location /%[1]s/ {
	include /etc/nginx/fastcgi_params;
	fastcgi_param SCRIPT_FILENAME /%[1]s; # as in MANUAL
	fastcgi_pass unix:%[2]s;
	fastcgi_buffering off;
	fastcgi_request_buffering off;
}
`

// openNginx starts nginx and the FastCGI programs, and adds them to the site
// where they answer right.
func (s *site) openNginx(b *bench) (err error) {
	n := &nginx{}
	s.nginx = n
	if n.folder, err = os.MkdirTemp("", "proxycgi-bench-"); err != nil {
		return err
	}
	if err := os.Chmod(n.folder, 0o755); err != nil { // for nginx's own account
		return err
	}
	config := fmt.Sprintf(nginxProxy, b.app.addr)
	targets := []*target{{name: nginxPass, via: viaNginx, url: "/proxy_pass/", asks: true}}
	for i, p := range b.fastCGI {
		name := fmt.Sprintf("program%d", i)
		socket := filepath.Join(n.folder, name)
		if err := n.start(p, socket); err != nil {
			return err
		}
		config += fmt.Sprintf(nginxProgram, name, socket)
		targets = append(targets, &target{name: p.name, via: viaNginx, url: "/" + name + "/", executable: p.path, asks: p.asks})
	}
	n.server, err = webserver.Start(webserver.NginxFastCGI, webserver.Options{Config: config})
	if errors.Is(err, webserver.ErrUnavailable) {
		b.report.skip("all under nginx", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range targets {
		t.url = n.server.URL + t.url
		if err := t.check(); err != nil {
			return fmt.Errorf("%s under nginx: %w; its log:\n%s", t.name, err, n.server.ErrorLog())
		}
	}
	s.targets = append(s.targets, targets...)
	return nil
}

// start starts a program with a listening socket as descriptor 0.
func (n *nginx) start(p *program, socket string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	if err := os.Chmod(socket, 0o666); err != nil {
		return err
	}
	stdin, err := l.File()
	if err != nil {
		return err
	}
	defer stdin.Close()
	cmd := exec.Command(p.path)
	cmd.Env, cmd.Stdin = p.env, stdin
	if err := cmd.Start(); err != nil {
		return err
	}
	n.programs = append(n.programs, cmd)
	return nil
}

func (n *nginx) stop() {
	if n.server != nil {
		if err := n.server.Stop(); err != nil {
			log.Print("stopping nginx: ", err)
		}
	}
	for _, cmd := range n.programs {
		cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	if err := os.RemoveAll(n.folder); err != nil {
		log.Print(err)
	}
}
