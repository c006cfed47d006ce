package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// A chunkedBody is a body in the chunked coding (RFC 9112, section 7.1). Unlike
// httputil.NewChunkedReader it never waits for the rest of a chunk while it has
// a part of it. It ends at the last chunk, with its last data where that is here
// already: the trailer section is left in r.
type chunkedBody struct {
	r         *bufio.Reader
	remaining int64 // of the current chunk
	open      bool  // the end of a chunk has not been read
	err       error // what ended it
}

func (b *chunkedBody) Read(p []byte) (n int, err error) {
	for n < len(p) && b.err == nil {
		if n > 0 && !b.ready() {
			return n, nil
		}
		if b.remaining == 0 {
			b.remaining, b.err = b.nextChunk()
			continue
		}
		m, err := b.r.Read(p[n:][:min(int64(len(p)-n), b.remaining)])
		n, b.remaining, b.err = n+m, b.remaining-int64(m), noEOF(err)
		b.endChunk()
	}
	return n, b.err
}

// endChunk takes the end of a chunk where it is here already: while the app is
// silent, as between two events, nothing is left to keep a buffer for.
func (b *chunkedBody) endChunk() {
	if end, _ := b.r.Peek(min(b.r.Buffered(), len("\r\n"))); b.remaining == 0 && string(end) == "\r\n" {
		b.r.Discard(len(end))
		b.open = false
	}
}

// ready reports whether Read has something without waiting for the app.
func (b *chunkedBody) ready() bool {
	rest, _ := b.r.Peek(b.r.Buffered())
	if b.remaining > 0 {
		return len(rest) > 0
	}
	if b.open {
		rest = rest[min(len(rest), len("\r\n")):]
	}
	_, data, _ := bytes.Cut(rest, []byte("\n"))
	return len(data) > 0
}

// awaitsInput reports whether Read would have to read from b.r's source. Unlike
// ready it knows the last chunk, which has no data.
func (b *chunkedBody) awaitsInput() bool {
	rest, _ := b.r.Peek(b.r.Buffered())
	if b.err != nil || b.remaining > 0 {
		return b.err == nil && len(rest) == 0
	}
	if b.open {
		rest = rest[min(len(rest), len("\r\n")):]
	}
	return bytes.IndexByte(rest, '\n') < 0
}

// Close implements io.Closer: what is read from is closed by its owner.
func (b *chunkedBody) Close() error { return nil }

var errChunk = errors.New("malformed chunk")

// nextChunk reads up to the data of the next chunk and returns its size, with
// io.EOF where it is the last one.
func (b *chunkedBody) nextChunk() (int64, error) {
	if b.open {
		if end, err := b.r.ReadSlice('\n'); err != nil || string(end) != "\r\n" {
			return 0, chunkError(err)
		}
	}
	b.open = true
	line, err := b.r.ReadSlice('\n')
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if err != nil || !whole || bytes.IndexByte(line, '\r') >= 0 { // RFC 9112, section 2.2
		return 0, chunkError(err)
	}
	digits, _, _ := bytes.Cut(line, []byte(";")) // extensions mean nothing to us
	size, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 63)
	if err != nil {
		return 0, errChunk
	}
	if size == 0 {
		return 0, io.EOF
	}
	return int64(size), nil
}

// chunkError returns why there is no whole line: err, or what is there.
func chunkError(err error) error {
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		return errChunk
	}
	return noEOF(err)
}
