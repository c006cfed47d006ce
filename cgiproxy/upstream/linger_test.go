package upstream

import (
	"io"
	"strings"
	"testing"
)

func TestDrain(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 3*copyBuffer+1))
	Drain(r)
	if r.Len() != 0 {
		t.Errorf("left %d bytes unread", r.Len())
	}

	client, stdin := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Drain(client)
	}()
	io.WriteString(stdin, "a body")
	select {
	case <-done:
		t.Error("Drain returned before the end")
	default:
	}
	stdin.Close()
	<-done
}
