package browser

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDemo has the page of `make run`: all that it checks is right.
func TestDemo(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	address := startDemo(t)
	b.open(t, address)
	const done = `document.getElementById("summary").dataset.done === document.getElementById("summary").dataset.total`
	b.await(t, done)
	for range 2 { // of a busy machine some timing may be off once
		if len(eval[[]string](t, b, wrongChecks)) == 0 {
			break
		}
		b.press(t, "#again")
		b.await(t, done)
	}
	if wrong := eval[[]string](t, b, wrongChecks); len(wrong) > 0 {
		t.Errorf("wrong:\n%s", strings.Join(wrong, "\n"))
	}
	checks := eval[[]string](t, b, `[...document.querySelectorAll("#checks strong")].map((e) => e.textContent)`)
	for _, want := range []string{"Upload of 2 MiB", "Live events", "Two cookies in one answer", "Redirect to the app's own address"} {
		if !slices.Contains(checks, want) {
			t.Errorf("the page checks %q, and not %s", checks, want)
		}
	}
	b.checkLooks(t, "demo")
	b.checkKeyboard(t)
	b.checkUpload(t)
}

const wrongChecks = `[...document.querySelectorAll("#checks li")]
	.filter((li) => !li.querySelector(".right")).map((li) => li.innerText)`

// checkUpload sends a file, by keys alone: with fetch, and as a form.
func (b tab) checkUpload(t *testing.T) {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	file := filepath.Join(t.TempDir(), "a file.bin")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.SetUploadFiles("#file", []string{file}))
	b.press(t, "#compare")
	b.await(t, `document.querySelector("#uploads .right") !== null`)

	b.press(t, "form button:not([type])")
	want := fmt.Sprintf("Part file, file a file.bin: %d bytes, SHA-256 %x", len(content), sha256.Sum256(content))
	b.await(t, fmt.Sprintf("document.body?.innerText.includes(%q)", want))
}
