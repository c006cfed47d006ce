// Gofcgibare is a FastCGI program that does only what must be done: it reads
// the records of a request, sends that over a kept connection to the app, and
// writes the response back as it is, with bare reads and writes. It checks next
// to nothing and takes no bodies. The app's host:port is in UPSTREAM.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
)

// Record types of the FastCGI specification, section 8.
const (
	typeBegin  = 1
	typeEnd    = 3
	typeParams = 4
	typeStdin  = 5
	typeStdout = 6

	headerLength = 8
	maxContent   = 1<<16 - 8
	keepConn     = 1
)

// idle has the connections to the app that nobody uses.
var idle = make(chan *appConn, 64)

type appConn struct {
	net.Conn
	r *bufio.Reader
}

func main() {
	l, err := net.FileListener(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			if err := serve(conn); err != nil && err != io.EOF {
				log.Print(err)
			}
		}()
	}
}

// serve answers the requests of a connection, one after the other.
func serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	var record, params, out []byte
	keep := false
	for {
		header, err := r.Peek(headerLength)
		if err != nil {
			return err
		}
		kind, id := header[1], binary.BigEndian.Uint16(header[2:])
		length := int(binary.BigEndian.Uint16(header[4:]))
		whole := headerLength + length + int(header[6])
		record = append(record[:0], make([]byte, whole)...)
		if _, err := io.ReadFull(r, record); err != nil {
			return err
		}
		content := record[headerLength:][:length]
		switch {
		case kind == typeBegin:
			keep, params = content[2]&keepConn != 0, params[:0]
		case kind == typeParams:
			params = append(params, content...)
		case kind == typeStdin && length == 0:
			if out, err = answer(out[:0], id, params); err != nil {
				return err
			}
			if _, err := conn.Write(out); err != nil || !keep {
				return err
			}
		}
	}
}

// answer appends the records of the app's response.
func answer(out []byte, id uint16, params []byte) ([]byte, error) {
	app, err := connect()
	if err != nil {
		return nil, err
	}
	if _, err := app.Write(appRequest(params)); err != nil {
		return nil, err
	}
	response, err := readResponse(app.r)
	if err != nil {
		return nil, err
	}
	idle <- app
	for len(response) > 0 {
		n := min(len(response), maxContent)
		out = append(appendHeader(out, typeStdout, id, n), response[:n]...)
		response = response[n:]
	}
	out = appendHeader(out, typeStdout, id, 0)
	return append(appendHeader(out, typeEnd, id, 8), make([]byte, 8)...), nil
}

func appendHeader(b []byte, kind byte, id uint16, length int) []byte {
	return append(b, 1, kind, byte(id>>8), byte(id), byte(length>>8), byte(length), 0, 0)
}

func connect() (*appConn, error) {
	select {
	case app := <-idle:
		return app, nil
	default:
	}
	conn, err := net.Dial("tcp", os.Getenv("UPSTREAM"))
	return &appConn{conn, bufio.NewReader(conn)}, err
}

// appRequest returns the request for the app.
func appRequest(params []byte) []byte {
	var method, target string
	var fields []byte
	length := func() int {
		n := int(params[0])
		if n < 0x80 {
			params = params[1:]
			return n
		}
		n = int(binary.BigEndian.Uint32(params) & 0x7fffffff)
		params = params[4:]
		return n
	}
	for len(params) > 0 {
		n, v := length(), length()
		name, value := params[:n], params[n:n+v]
		params = params[n+v:]
		switch {
		case string(name) == "REQUEST_METHOD":
			method = string(value)
		case string(name) == "REQUEST_URI":
			target = string(value)
		case string(name) != "HTTP_CONNECTION" && bytes.HasPrefix(name, []byte("HTTP_")):
			fields = append(fields, strings.ReplaceAll(string(name[len("HTTP_"):]), "_", "-")...)
			fields = append(append(append(fields, ": "...), value...), "\r\n"...)
		}
	}
	return append(append([]byte(method+" "+target+" HTTP/1.1\r\n"), fields...), "\r\n"...)
}

// readResponse returns a response in chunks, as the app sends its page, with
// its status line as a Status field.
func readResponse(r *bufio.Reader) ([]byte, error) {
	response := []byte("Status: ")
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(response) == len("Status: ") {
			line = line[len("HTTP/1.1 "):]
		}
		if string(line) != "Transfer-Encoding: chunked\r\n" {
			response = append(response, line...)
		}
		if len(line) <= len("\r\n") {
			return readChunks(r, response)
		}
	}
}

// readChunks appends the body to response.
func readChunks(r *bufio.Reader, response []byte) ([]byte, error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return nil, err
		}
		start := len(response)
		response = append(response, make([]byte, size)...)
		if _, err := io.ReadFull(r, response[start:]); err != nil {
			return nil, err
		}
		if _, err := r.Discard(len("\r\n")); err != nil || size == 0 {
			return response, err
		}
	}
}
