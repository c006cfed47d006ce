package fastcgi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"proxy.cgi/cgiproxy/descriptor"
)

// An input is what records are read with.
type input struct {
	r       *bufio.Reader
	content []byte // of the record that came last, or of more
}

// inputBuffer is what records are read into, in bytes. The size is a choice: an
// upload through nginx, whose records have 8 KiB, takes a fifth more of the
// processor with 32 KiB, and twice as long with 4.
const inputBuffer = 64 << 10

// inputs are those that no connection has: most wait for a response.
var inputs = sync.Pool{New: func() any { return &input{r: bufio.NewReaderSize(nil, inputBuffer)} }}

func takeInput(conn net.Conn) *input {
	in := inputs.Get().(*input)
	in.r.Reset(conn)
	return in
}

// release gives the input to another connection.
func (in *input) release() {
	in.r.Reset(nil)
	inputs.Put(in)
}

// await waits until something comes, without a buffer for it, and returns the
// input to go on with. The next read tells why nothing will. A connection has none
// at first: of a crowd that opens, most are accepted before they say anything.
func (in *input) await(conn net.Conn) *input {
	if in != nil && in.r.Buffered() > 0 {
		return in
	}
	_ = descriptor.AwaitInput(conn, func() {
		if in != nil {
			in.release()
			in = nil
		}
	})
	if in == nil {
		in = takeInput(conn)
	}
	return in
}

// next reads a record, and appends what it holds to the content.
func (in *input) next() (header, error) {
	b, err := in.r.Peek(headerLength)
	if err != nil {
		return header{}, err
	}
	if b[0] != 1 {
		return header{}, fmt.Errorf("fastcgi: version %d", b[0])
	}
	h := parseHeader(b)
	in.r.Discard(headerLength)
	start := len(in.content)
	in.content = slices.Grow(in.content, h.length)[:start+h.length]
	if _, err := io.ReadFull(in.r, in.content[start:]); err != nil {
		return h, err
	}
	_, err = in.r.Discard(h.padding)
	return h, err
}

// hasMore reports whether the next record is here, and has more of the same
// request's body: nginx sends 8 KiB in each, and what is handed over at once is
// one write to the app.
func (in *input) hasMore(of header) bool {
	here := in.r.Buffered()
	if here < headerLength {
		return false
	}
	b, _ := in.r.Peek(headerLength)
	h := parseHeader(b)
	return h.kind == of.kind && h.id == of.id && of.length > 0 && h.length > 0 &&
		here >= headerLength+h.length+h.padding
}

// takeEnd takes the end of a request's body where that is here, and nothing else.
func (in *input) takeEnd(id uint16) bool {
	b, _ := in.r.Peek(in.r.Buffered())
	if len(b) < headerLength || b[0] != 1 {
		return false
	}
	h := parseHeader(b)
	if h.kind != typeStdin || h.id != id || h.length > 0 || len(b) != headerLength+h.padding {
		return false
	}
	in.r.Discard(len(b))
	return true
}
