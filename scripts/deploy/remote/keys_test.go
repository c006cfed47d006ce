package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
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
				block, err := ssh.MarshalPrivateKey(key, "")
				if err == nil {
					err = os.WriteFile(filepath.Join(folder, "id_ed25519"), pem.EncodeToMemory(block), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
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

// logIn logs in at a server that lets in who has a key.
func logIn(t *testing.T, key ssh.PublicKey, auth []ssh.AuthMethod) error {
	t.Helper()
	own, _ := newKey(t)
	signer, err := ssh.NewSignerFromKey(own)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(key.Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
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
