// Gobare is cproxy.c in Go: it connects, forwards and copies, checks next to
// nothing, and imports nothing but syscall. No Go program can cost less. The
// app's host:port, an IPv4 address, is in UPSTREAM.
package main

import "syscall"

var buf [64 << 10]byte

func main() {
	vars := syscall.Environ()
	fd := dial(value(vars, "UPSTREAM"))
	request := append(buf[:0], value(vars, "REQUEST_METHOD")+" "+value(vars, "REQUEST_URI")+" HTTP/1.0\r\n"...)
	for _, v := range vars {
		if len(v) > 5 && v[:5] == "HTTP_" && value([]string{v}, "HTTP_CONNECTION") == "" {
			request = appendField(request, v[5:])
		}
	}
	length := value(vars, "CONTENT_LENGTH")
	if length != "" {
		request = append(request, "Content-Length: "+length+"\r\n"...)
	}
	writeAll(fd, append(request, "\r\n"...))
	for left := number(length); left > 0; {
		n, err := syscall.Read(0, buf[:min(left, len(buf))])
		if n <= 0 || err != nil {
			fail("body cut off")
		}
		writeAll(fd, buf[:n])
		left -= n
	}
	copyResponse(fd)
}

// copyResponse makes the status line a Status field, and copies the rest.
func copyResponse(fd int) {
	out := append(make([]byte, 0, len(buf)+8), "Status: "...)
	const version = len("HTTP/1.1 ")
	for first := true; ; first = false {
		n, err := syscall.Read(fd, buf[:])
		if err != nil || first && n < version {
			fail("no response")
		}
		if n == 0 {
			return
		}
		if first {
			writeAll(1, append(out, buf[version:n]...))
		} else {
			writeAll(1, buf[:n])
		}
	}
}

// appendField adds "NAME_X=value" as "NAME-X: value".
func appendField(b []byte, variable string) []byte {
	for i := range len(variable) {
		switch c := variable[i]; c {
		case '_':
			b = append(b, '-')
		case '=':
			return append(append(append(b, ": "...), variable[i+1:]...), "\r\n"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

func dial(upstream string) int {
	to, part := &syscall.SockaddrInet4{}, 0
	for i := range len(upstream) {
		switch c := upstream[i]; {
		case c == ':':
			to.Port = number(upstream[i+1:])
		case c == '.':
			part++
		case to.Port == 0:
			to.Addr[part] = to.Addr[part]*10 + c - '0'
		}
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil || syscall.Connect(fd, to) != nil {
		fail("cannot connect")
	}
	return fd
}

func value(vars []string, name string) string {
	for _, v := range vars {
		if len(v) > len(name) && v[:len(name)] == name && v[len(name)] == '=' {
			return v[len(name)+1:]
		}
	}
	return ""
}

func number(s string) (n int) {
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func writeAll(fd int, p []byte) {
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err != nil {
			fail("cannot write")
		}
		p = p[n:]
	}
}

func fail(why string) {
	syscall.Write(2, []byte("gobare: "+why+"\n"))
	syscall.Exit(1)
}
