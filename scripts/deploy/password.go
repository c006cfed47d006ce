package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/term"

	"proxy.cgi/scripts/deploy/remote"
)

// connect logs in. The password is never in an argument, and never printed.
func connect(t *remote.Target, errOut io.Writer) (remote.Host, error) {
	tell := func(format string, args ...any) { // with what hosts have said in it
		fmt.Fprintln(errOut, printable(fmt.Sprintf(format, args...)))
	}
	if t.Scheme == "" {
		return t.Open("", tell)
	}
	host, _, _ := strings.Cut(t.Host, ":")
	user, password := netrc(host, t.User)
	if t.User == "" {
		t.User = user
	}
	if t.User == "" {
		named := *t
		named.User = "me"
		return nil, usageError{fmt.Errorf("who logs in? Write %s", &named)}
	}
	if given, ok := os.LookupEnv("PROXYCGI_PASSWORD"); ok {
		password = given
	}
	if t.Scheme == "sftp" && password == "" { // a key may do
		if h, err := t.Open("", tell); err == nil || !isTerminal(os.Stdin) || !strings.Contains(err.Error(), "unable to authenticate") {
			return h, err
		}
	}
	if password == "" {
		if !isTerminal(os.Stdin) {
			return nil, errors.New("no password: put it into PROXYCGI_PASSWORD or ~/.netrc, or run this on a terminal")
		}
		fmt.Fprintf(errOut, "Password of %s at %s: ", t.User, host)
		typed, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(errOut)
		if err != nil {
			return nil, err
		}
		password = string(typed)
	}
	return t.Open(password, tell)
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// netrc looks for a machine in the file that ftp and curl read. Where user is ""
// any login of that machine will do.
func netrc(host, user string) (login, password string) {
	file := os.Getenv("NETRC")
	if file == "" {
		name := ".netrc"
		if runtime.GOOS == "windows" {
			name = "_netrc"
		}
		home, _ := os.UserHomeDir()
		file = filepath.Join(home, name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", ""
	}
	return findNetrc(string(text), host, user)
}

func findNetrc(text, host, user string) (login, password string) {
	var machine, l, p string
	found := func() bool {
		return (machine == host || machine == "default") && (user == "" || l == user || l == "") && p != ""
	}
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		word := words[i]
		value := ""
		if word != "default" && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch word {
		case "machine", "default":
			if found() {
				return l, p
			}
			machine, l, p = value, "", ""
			if word == "default" {
				machine = word
			}
		case "login":
			l = value
		case "password":
			p = value
		}
	}
	if found() {
		return l, p
	}
	return "", ""
}
