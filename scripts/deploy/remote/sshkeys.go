// What logs in by SSH.

package remote

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshAuth is what ssh tries, too: the agent's keys, the files, the password. All keys
// are one method, for package ssh tries none of a name twice.
func sshAuth(folder, password string) (auth []ssh.AuthMethod) {
	auth = append(auth, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		return inOrder(agentKeys(), fileKeys(folder, password)), nil
	}))
	if password != "" {
		auth = append(auth, ssh.Password(password), ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = password
			}
			return answers, nil
		}))
	}
	return auth
}

// inOrder has first the keys of files that the agent has, too, as ssh does, and each
// once: a server refuses who has tried many (six in OpenSSH, its MaxAuthTries).
func inOrder(agent, files []ssh.Signer) []ssh.Signer {
	has := func(list []ssh.Signer, s ssh.Signer) bool {
		return slices.ContainsFunc(list, func(other ssh.Signer) bool {
			return bytes.Equal(s.PublicKey().Marshal(), other.PublicKey().Marshal())
		})
	}
	var both, others []ssh.Signer
	for _, s := range agent {
		if has(files, s) {
			both = append(both, s)
		} else {
			others = append(others, s)
		}
	}
	for _, s := range files {
		if !has(both, s) {
			others = append(others, s)
		}
	}
	return append(both, others...)
}

// agentKeys are none where no agent runs, or it does not say.
func agentKeys() []ssh.Signer {
	conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil
	}
	signers, _ := agent.NewClient(conn).Signers() // which need the connection on
	return signers
}

func fileKeys(folder, password string) (signers []ssh.Signer) {
	for _, name := range [...]string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		signer, err := ssh.ParsePrivateKey(text)
		if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked && password != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(password))
		}
		if err == nil {
			signers = append(signers, signer)
		}
	}
	return signers
}
