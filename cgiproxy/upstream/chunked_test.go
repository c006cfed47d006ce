package upstream

import (
	"bufio"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"
)

// Header and first piece go out together only where the piece is there: the
// header must not wait for it.
func TestChunkedReady(t *testing.T) {
	for _, tt := range []struct {
		name, first string // what came with the header
		want        bool
	}{
		{"nothing", "", false},
		{"a part of the size", "5", false},
		{"a size", "5\r\n", false},
		{"a part of the chunk", "5\r\nh", true},
		{"a chunk", "5\r\nhello\r\n", true},
		{"the end", "0\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tt.first))
			r.Peek(1)
			if got := (&chunkedBody{r: r}).ready(); got != tt.want {
				t.Errorf("after %q ready is %v, want %v", tt.first, got, tt.want)
			}
		})
	}
}

// Many small chunks that are there go on in one piece, for each piece costs a
// write.
func TestChunkedPieces(t *testing.T) {
	b := &chunkedBody{r: bufio.NewReader(strings.NewReader(strings.Repeat("3\r\nabc\r\n", 100) + "0\r\n\r\n"))}
	buf := make([]byte, 1000)
	if n, err := b.Read(buf); n != 300 || err != io.EOF {
		t.Errorf("Read returned %d, %v, want 300 and %v", n, err, io.EOF)
	}
}

// FuzzChunked compares with the standard library: what that takes for a whole
// body must be one to us, with the same bytes in it and behind it.
func FuzzChunked(f *testing.F) {
	for _, seed := range []string{
		"0\r\n\r\n", "2\r\nhi\r\n3;x=y\r\n yo\r\n0\r\n\r\n", "A\r\n0123456789\r\n00\r\nX: y\r\n\r\n", "5\r\nhel", "5\r\nhello", "5\r\nhello!\r\n0\r\n\r\n",
		"1\r\na\r\n1\nb\r\n0\r\n\r\n", "-1\r\n\r\n", "1 \r\na\r\n0 ;\r\n\r\n", "1\r\r\na\r\n0\r\n\r\n", "0;x\ry\r\n", ";\r\n", strings.Repeat("0", 5000),
	} {
		f.Add(seed)
	}
	for _, size := range []string{"7ffffffe", "7fffffff", "80000000", "ffffffff", "100000000", "7ffffffffffffffe", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "10000000000000000"} {
		f.Add(size + "\r\n\r\n")
		f.Add("2\r\nhi\r\n" + size + "\r\nx")
	}
	f.Fuzz(func(t *testing.T, text string) {
		theirs := bufio.NewReader(strings.NewReader(text))
		want, wantErr := io.ReadAll(httputil.NewChunkedReader(theirs))
		wantRest, _ := io.ReadAll(theirs)
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "byte for byte": iotest.OneByteReader(strings.NewReader(text))} {
			ours := bufio.NewReader(r)
			got, err := io.ReadAll(&chunkedBody{r: ours})
			if wantErr != nil {
				if err == nil && !lenient(text) {
					t.Errorf("%q %s: no error, want one as %v", text, name, wantErr)
				}
				continue
			}
			rest, _ := io.ReadAll(ours)
			if err != nil || string(got) != string(want) || string(rest) != string(wantRest) {
				t.Errorf("%q %s: got %q, rest %q, error %v; want %q, rest %q", text, name, got, rest, err, want, wantRest)
			}
		}
	})
}

// lenient reports whether text may have what is allowed, but not by the
// standard library: blanks before an extension, many zeros, long extensions.
func lenient(text string) bool {
	return strings.ContainsAny(text, " \t") || strings.Contains(text, "0000000000000000") || len(text) > 4096
}
