package fastcgi

import (
	"encoding/binary"
	"errors"
)

// Record types, roles and statuses of the FastCGI specification, section 8.
const (
	typeBeginRequest    = 1
	typeAbortRequest    = 2
	typeEndRequest      = 3
	typeParams          = 4
	typeStdin           = 5
	typeStdout          = 6
	typeStderr          = 7
	typeGetValues       = 9
	typeGetValuesResult = 10

	roleResponder = 1 // the role of a program that answers
	keepConn      = 1 // a flag of BEGIN_REQUEST

	requestComplete = 0
	unknownRole     = 3
)

const (
	headerLength = 8
	beginLength  = 8         // of the content of BEGIN_REQUEST
	maxContent   = 1<<16 - 8 // of a record that we write: as much as fits and needs no padding

	// maxParams bounds the variables of one request, in bytes. Apache's limits
	// for a request's header add up to less than 1 MiB.
	maxParams = 1 << 20
)

// A header is that of a record.
type header struct {
	kind            byte
	id              uint16
	length, padding int
}

func parseHeader(b []byte) header {
	return header{
		kind: b[1], id: binary.BigEndian.Uint16(b[2:]),
		length: int(binary.BigEndian.Uint16(b[4:])), padding: int(b[6]),
	}
}

func recordHeader(kind byte, id uint16, length int) []byte {
	return []byte{1, kind, byte(id >> 8), byte(id), byte(length >> 8), byte(length), 0, 0}
}

func newRecord(kind byte, id uint16, content []byte) []byte {
	return append(recordHeader(kind, id, len(content)), content...)
}

func endRequest(id uint16, status byte) []byte {
	return newRecord(typeEndRequest, id, []byte{0, 0, 0, 0, status, 0, 0, 0})
}

// decodeParams returns name-value pairs (FastCGI specification, section 3.4) as
// NAME=value strings.
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
	for len(b) > 0 {
		name, value := length(), 0
		if name >= 0 {
			value = length()
		}
		if name < 0 || value < 0 || name > len(b) || value > len(b)-name {
			return nil, malformed
		}
		vars = append(vars, string(b[:name])+"="+string(b[name:name+value]))
		b = b[name+value:]
	}
	return vars, nil
}
