package ondemand

import (
	"bufio"
	"net"
	"os"
	"strconv"
	"strings"
)

// environment returns all that the app gets: nothing of a request, and nothing
// that is ours.
func (a *App) environment(r *run) []string {
	var list []string
	set := func(name, value string) {
		if value == "" {
			return
		}
		for i, entry := range list {
			if strings.HasPrefix(entry, name+"=") {
				list[i] = name + "=" + value
				return
			}
		}
		list = append(list, name+"="+value)
	}
	set("PATH", "/usr/local/bin:/usr/bin:/bin")
	if u, ok := passwd(os.Geteuid()); ok { // suEXEC takes these away
		set("HOME", u.home)
		set("USER", u.name)
		set("LOGNAME", u.name)
		set("SHELL", u.shell)
	}
	for _, name := range [...]string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"} {
		set(name, os.Getenv(name))
	}
	for _, list := range [...][]string{a.Passing, a.Env} {
		for _, entry := range list {
			name, value, _ := strings.Cut(entry, "=")
			set(name, value)
		}
	}
	if r.network == "unix" {
		set("SOCKET", r.addresses[0])
	} else if _, port, err := net.SplitHostPort(r.addresses[0]); err == nil {
		set("PORT", port)
	}
	return list
}

type user struct{ name, home, shell string }

// passwd finds a user as os/user does without cgo, at less cost (passwd(5)).
func passwd(uid int) (u user, ok bool) {
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return u, false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		// name:password:uid:gid:comment:home:shell
		fields := strings.Split(lines.Text(), ":")
		if len(fields) == 7 && fields[2] == strconv.Itoa(uid) {
			return user{fields[0], fields[5], fields[6]}, true
		}
	}
	return u, false
}
