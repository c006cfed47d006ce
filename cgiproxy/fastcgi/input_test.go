package fastcgi

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

// Records of a body that are here are handed over at once, and nothing else with
// them: nginx sends 8 KiB in each.
func TestPieces(t *testing.T) {
	piece := func(id uint16, length int) []byte { return newRecord(typeStdin, id, bytes.Repeat([]byte("b"), length)) }
	padded := append(piece(1, 5), "padding"...)
	padded[6] = byte(len("padding"))
	malformed := newRecord(typeStdin, 1, []byte("b"))
	malformed[0] = 2
	end := piece(1, 0)
	for _, test := range []struct {
		name    string
		records [][]byte
		want    []int // lengths of the pieces
	}{
		{"of one request", [][]byte{piece(1, 8192), piece(1, 8192), piece(1, 100), end}, []int{16484}},
		{"with padding", [][]byte{padded, padded, end}, []int{10}},
		{"with another request's between", [][]byte{piece(1, 10), piece(2, 10), piece(1, 10), end}, []int{10, 10}},
		{"with another kind between", [][]byte{piece(1, 10), newRecord(typeParams, 1, []byte("late")), piece(1, 10), end}, []int{10, 10}},
		{"after the end", [][]byte{piece(1, 10), end, piece(1, 10)}, []int{10}},
		{"more than is read at once", slices.Repeat([][]byte{piece(1, 20000)}, 4), []int{60000, 20000}},
		{"more than goes into one", slices.Repeat([][]byte{piece(1, 40000)}, 2), []int{40000, 40000}},
		{"a malformed one", [][]byte{piece(1, 10), piece(1, 10), malformed, piece(1, 10)}, []int{20}},
		{"a cut one", [][]byte{piece(1, 10), piece(1, 10)[:12]}, []int{10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newListener(nil, nil)
			got := make(chan []int, 1)
			l.answer = func(_ *responseWriter, r *request) {
				var lengths []int
				defer func() { got <- lengths }()
				for buf := make([]byte, 1<<20); ; {
					n, err := r.body.Read(buf)
					if err != nil {
						return
					}
					if strings.Trim(string(buf[:n]), "b") != "" {
						t.Errorf("other bytes in the body: %.50q", buf[:n])
					}
					lengths = append(lengths, n)
				}
			}
			records := slices.Concat(begin(true, visitVars("REQUEST_METHOD=POST")...), bytes.Join(test.records, nil))
			// The request alone is read first, so that the pieces have the buffer.
			head := len(begin(true, visitVars("REQUEST_METHOD=POST")...))
			l.open(&scriptedConn{Reader: io.MultiReader(bytes.NewReader(records[:head]), bytes.NewReader(records[head:]))}).serve()
			if lengths := <-got; !slices.Equal(lengths, test.want) {
				t.Errorf("the body came in pieces of %v, want %v", lengths, test.want)
			}
		})
	}
}
