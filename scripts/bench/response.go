package main

// What a program answers, and whether it is right: one that is fast because it
// does less would make the others look bad.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// readResponse reads a whole CGI response.
func readResponse(r io.Reader) (head, body string, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return "", "", err
	}
	head, body, ok := strings.Cut(string(text), "\r\n\r\n")
	if !ok {
		return "", "", fmt.Errorf("no header section in %.200q", text)
	}
	return head, body, nil
}

// wantBody returns a check of a small response's body.
func wantBody(want string) func(io.Reader) error {
	return func(r io.Reader) error {
		head, body, err := readResponse(r)
		if err != nil {
			return err
		}
		if body != want || strings.Contains(head, "\nStatus: 5") || strings.HasPrefix(head, "Status: 5") {
			return fmt.Errorf("wrong response: %.300q, %.100q", head, body)
		}
		return nil
	}
}

// wantDigest returns a check of a large response's body.
func wantDigest(want string) func(io.Reader) error {
	return func(r io.Reader) error {
		buffered := bufio.NewReaderSize(r, transferBuffer)
		for {
			line, err := buffered.ReadSlice('\n')
			if err != nil {
				return fmt.Errorf("no header section: %w", err)
			}
			if len(bytes.TrimRight(line, "\r\n")) == 0 {
				break
			}
		}
		got, err := digest(buffered)
		if err == nil && got != want {
			err = fmt.Errorf("body has length and checksum %s, want %s", got, want)
		}
		return err
	}
}

// skipFiller drops what fill put before the response.
func skipFiller(r io.Reader) io.Reader {
	buffered := bufio.NewReaderSize(r, 64*kib)
	for {
		c, err := buffered.ReadByte()
		if err != nil || c != filler {
			_ = buffered.UnreadByte() // at the end of the input the next read says so
			return buffered
		}
	}
}
