package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func newKey(t *testing.T) (ed25519.PrivateKey, ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, signer.PublicKey()
}

// runAgent starts an agent with keys, and has SSH_AUTH_SOCK name it.
func runAgent(t *testing.T, keys ...ed25519.PrivateKey) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("SSH_AUTH_SOCK", path)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, conn)
		}
	}()
}

// TestKeys logs in with a key in a file, or in an agent, whatever else an agent has.
func TestKeys(t *testing.T) {
	key, public := newKey(t)
	other, _ := newKey(t)
	for _, c := range []struct {
		name   string
		inFile bool
		agent  []ed25519.PrivateKey // nil is none
		isIn   bool
	}{
		{"a file alone", true, nil, true},
		{"a file, and an agent with no key", true, []ed25519.PrivateKey{}, true},
		{"a file, and an agent with another key", true, []ed25519.PrivateKey{other}, true},
		{"an agent", false, []ed25519.PrivateKey{other, key}, true},
		{"an agent with another key alone", false, []ed25519.PrivateKey{other}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			if c.inFile {
				writeKey(t, filepath.Join(folder, "id_ed25519"), key)
			}
			t.Setenv("SSH_AUTH_SOCK", "")
			if c.agent != nil {
				runAgent(t, c.agent...)
			}
			if err := logIn(t, public, sshAuth(folder, "")); (err == nil) != c.isIn {
				t.Errorf("%v, want to be let in: %v", err, c.isIn)
			}
		})
	}
}

// TestKeyOrder tries each key once, first those that a file and the agent have: the
// server that is asked for the password after them allows six.
func TestKeyOrder(t *testing.T) {
	folder := t.TempDir()
	var keys []ed25519.PrivateKey
	var names []string // by the keys' number
	for i := range 5 {
		key, public := newKey(t)
		keys, names = append(keys, key), append(names, string(public.Marshal()))
		if i < 3 {
			writeKey(t, filepath.Join(folder, [...]string{"id_ed25519", "id_ecdsa", "id_rsa"}[i]), key)
		}
	}
	for _, c := range []struct {
		name  string
		agent []int
		want  string
	}{
		{"no agent key", nil, "[0 1 2]"},
		{"all in both", []int{0, 1, 2}, "[0 1 2]"},
		{"others first in the agent", []int{3, 4, 2, 0}, "[2 0 3 4 1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var inAgent []ed25519.PrivateKey
			for _, i := range c.agent {
				inAgent = append(inAgent, keys[i])
			}
			runAgent(t, inAgent...)
			tries := make(chan int, 6)
			err := logInWith(t, sshAuth(folder, "secret"), &ssh.ServerConfig{
				MaxAuthTries: 6, // OpenSSH's own
				PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
					tries <- slices.Index(names, string(k.Marshal()))
					return nil, errors.New("no")
				},
				PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil },
			})
			var tried []int
			for len(tries) > 0 {
				tried = append(tried, <-tries)
			}
			if got := fmt.Sprint(tried); err != nil || got != c.want {
				t.Errorf("tried are %s, want %s; %v", got, c.want, err)
			}
		})
	}
}

// TestRefused is not let in, by a server that asks for the password once more, or does not.
func TestRefused(t *testing.T) {
	no := errors.New("no")
	for _, c := range []struct {
		name      string
		challenge func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error)
		want      string
	}{
		{"it does not ask", func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return nil, no
		}, "the server refuses name, key or password"},
		{"it asks", func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			ask("", "", []string{"Password: "}, []bool{false})
			return nil, no
		}, "unable to authenticate"},
		{"it has no such question", nil, "unable to authenticate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SSH_AUTH_SOCK", "")
			err := logInWith(t, sshAuth(t.TempDir(), "wrong"), &ssh.ServerConfig{
				PasswordCallback:            func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, no },
				KeyboardInteractiveCallback: c.challenge,
			})
			if err == nil || !strings.Contains(refusal(err).Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func writeKey(t *testing.T, path string, key ed25519.PrivateKey) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if err == nil {
		err = os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// logIn logs in at a server that lets in who has a key.
func logIn(t *testing.T, key ssh.PublicKey, auth []ssh.AuthMethod) error {
	t.Helper()
	return logInWith(t, auth, &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(key.Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}})
}

func logInWith(t *testing.T, auth []ssh.AuthMethod, config *ssh.ServerConfig) error {
	t.Helper()
	own, _ := newKey(t)
	signer, err := ssh.NewSignerFromKey(own)
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			ssh.NewServerConn(conn, config)
			conn.Close()
		}
	}()
	client, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{User: "me", Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err == nil {
		client.Close()
	}
	return err
}
