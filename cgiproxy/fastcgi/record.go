package fastcgi

import (
	"encoding/binary"
	"errors"
	"strings"
)

// Record types of the FastCGI specification, section 8.
const (
	typeBeginRequest = 1
	typeAbortRequest = 2
	typeEndRequest   = 3
	typeParams       = 4
	typeStdin        = 5
	typeStdout       = 6
	typeStderr       = 7
	headerLength     = 8
	roleResponder    = 1 // the role of a program that answers
)

// maxParams bounds the variables of one request, in bytes. Apache's limits for
// a request's header add up to less than 1 MiB.
const maxParams = 1 << 20

// keyParam is the parameter that carries the key. No web server sends it.
const keyParam = "CGIPROXY-KEY"

func newRecord(kind byte, id uint16, content []byte) []byte {
	b := []byte{1, kind, byte(id >> 8), byte(id), byte(len(content) >> 8), byte(len(content)), 0, 0}
	return append(b, content...)
}

// decodeParams returns name-value pairs (FastCGI specification, section 3.4) as
// NAME=value strings. nginx before 1.23 sends a field that is repeated as often
// as the client did: it becomes one (RFC 9110, section 5.3).
func decodeParams(b []byte) (vars []string, err error) {
	malformed := errors.New("fastcgi: malformed parameters")
	length := func() int {
		if len(b) > 0 && b[0] < 0x80 {
			n := int(b[0])
			b = b[1:]
			return n
		}
		if len(b) < 4 {
			return -1
		}
		n := int(binary.BigEndian.Uint32(b) & 0x7fffffff)
		b = b[4:]
		return n
	}
	fields := map[string]int{} // where in vars
	for len(b) > 0 {
		name, value := length(), 0
		if name >= 0 {
			value = length()
		}
		if name < 0 || value < 0 || name > len(b) || value > len(b)-name {
			return nil, malformed
		}
		pair := string(b[:name]) + "=" + string(b[name:name+value])
		b = b[name+value:]
		if i, ok := fields[pair[:name]]; ok {
			vars[i] += fieldSeparator(pair[:name]) + pair[name+1:]
			continue
		}
		if strings.HasPrefix(pair, "HTTP_") {
			fields[pair[:name]] = len(vars)
		}
		vars = append(vars, pair)
	}
	return vars, nil
}

// fieldSeparator stands between the values of a repeated field. For a cookie
// it is RFC 9113, section 8.2.3.
func fieldSeparator(name string) string {
	if name == "HTTP_COOKIE" {
		return "; "
	}
	return ", "
}
