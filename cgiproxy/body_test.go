package cgiproxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRequestBody(t *testing.T) {
	gone, there := func() bool { return true }, func() bool { return false }
	broken := errors.New("connection reset")
	tests := []struct {
		name   string
		body   requestBody
		want   string
		status int // of the error, 0 for none
	}{
		{"exact", requestBody{r: strings.NewReader("hello"), length: 5}, "hello", 0},
		{"more than declared", requestBody{r: strings.NewReader("hello, world"), length: 5}, "hello", 0},
		{"short", requestBody{r: strings.NewReader("hell"), length: 5}, "hell", 400},
		{"nothing of it", requestBody{r: strings.NewReader(""), length: 5}, "", 400},
		{"broken", requestBody{r: io.MultiReader(strings.NewReader("hell"), iotest.ErrReader(broken)), length: 5}, "hell", 400},
		{"end together with the last byte", requestBody{r: iotest.DataErrReader(strings.NewReader("hello")), length: 5}, "hello", 0},
		{"end together with too few", requestBody{r: iotest.DataErrReader(strings.NewReader("hell")), length: 5}, "hell", 400},
		{"byte by byte", requestBody{r: iotest.OneByteReader(strings.NewReader("hello")), length: 5}, "hello", 0},

		{"unknown length", requestBody{r: strings.NewReader("hello"), length: unknownLength}, "hello", 0},
		{"unknown length, empty", requestBody{r: strings.NewReader(""), length: unknownLength}, "", 0},
		{"unknown length, the client is there", requestBody{r: strings.NewReader("hello"), length: unknownLength, gone: there}, "hello", 0},
		{"unknown length, the client is gone", requestBody{r: strings.NewReader("hello"), length: unknownLength, gone: gone}, "hello", 400},
		{"unknown length, broken", requestBody{r: io.MultiReader(strings.NewReader("hell"), iotest.ErrReader(broken)), length: unknownLength}, "hell", 400},
		{"a known length needs no client", requestBody{r: strings.NewReader("hello"), length: 5, gone: gone}, "hello", 0},

		{"as long as the limit", requestBody{r: strings.NewReader("hello"), length: unknownLength, limit: 5}, "hello", 0},
		{"over the limit", requestBody{r: strings.NewReader("hello!"), length: unknownLength, limit: 5}, "", 413},
		{"over the limit, byte by byte", requestBody{r: iotest.OneByteReader(strings.NewReader("hello!")), length: unknownLength, limit: 5}, "hello", 413},
		{"known length within the limit", requestBody{r: strings.NewReader("hello!"), length: 5, limit: 5}, "hello", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := io.ReadAll(&tt.body)
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.status == 0 {
				if err != nil {
					t.Errorf("got error %v, want none", err)
				}
				return
			}
			wantFailure(t, err, tt.status)
			if n, err := tt.body.Read(make([]byte, 10)); err == nil || err == io.EOF {
				t.Errorf("after the failure: read %d bytes, error %v, want a failure again", n, err)
			}
		})
	}
}

// What follows a body of known length is not ours to read.
func TestRequestBodyReadsNoFurther(t *testing.T) {
	r := strings.NewReader("hello, world")
	if _, err := io.ReadAll(&requestBody{r: r, length: 5}); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != ", world" {
		t.Errorf("left %q unread, want %q", rest, ", world")
	}
}
