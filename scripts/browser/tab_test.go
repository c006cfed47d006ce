package browser

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds all that a test does with its tab.
const patience = 2 * time.Minute

func (b tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// call sends a command of the DevTools protocol.
func call[P, R any](t *testing.T, b tab, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// open loads a page and returns its status.
func (b tab) open(t *testing.T, url string) int64 {
	t.Helper()
	response, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(url))
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return response.Status
}

// eval returns what a JavaScript expression gives.
func eval[T any](t *testing.T, b tab, expression string) T {
	t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// await waits until a JavaScript expression is true. Errors are those of a page
// that is on its way out.
func (b tab) await(t *testing.T, expression string) {
	t.Helper()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		if ok {
			return
		}
		if b.ctx.Err() != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// checkLooks demands that the page is light for who wants light pages and dark
// for others, and that nobody has to scroll sideways. It keeps a screenshot of
// each.
func (b tab) checkLooks(t *testing.T, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			b.do(t, chromedp.EmulateViewport(width, 740))
			shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			file := fmt.Sprintf("%s-%s-%d.png", name, scheme, width)
			if err := os.WriteFile(filepath.Join(t.ArtifactDir(), file), shot, 0o644); err != nil {
				t.Fatal(err)
			}
			if size := eval[int64](t, b, "document.scrollingElement.scrollWidth"); size > width {
				t.Errorf("%s: the page is %d px wide", file, size)
			}
			if light := isLight(t, shot); light != (scheme == "light") {
				t.Errorf("%s: the corner of the page is light: %v", file, light)
			}
		}
	}
	b.do(t, chromedp.EmulateViewport(1280, 740))
}

func isLight(t *testing.T, shot []byte) bool {
	t.Helper()
	image, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	return color.GrayModel.Convert(image.At(1, 1)).(color.Gray).Y > 127
}

const (
	// controlName names an element for people.
	controlName = `(e) => (e.dataset.control ?? "none") + " " + (e.id || e.textContent.trim() || e.name).slice(0, 40)`

	// controls numbers what can be used on the page, and gives the names.
	controls = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
		.filter((e) => e.checkVisibility() && !e.disabled && e.type !== "hidden")
		.map((e, i) => { e.dataset.control = i; return (` + controlName + `)(e); })`

	// focused gives the name of the control that has the focus, if one sees it.
	focused = `(() => {
		const e = document.activeElement, style = getComputedStyle(e);
		const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
		return (` + controlName + `)(e) + (seen ? "" : ", unseen");
	})()`
)

// checkKeyboard demands that Tab goes to each control in turn, and that one sees
// where it is.
func (b tab) checkKeyboard(t *testing.T) {
	t.Helper()
	want := eval[[]string](t, b, controls)
	// Tab goes on from where the last focus was: at the top, now.
	eval[chromedp.Void](t, b, `{
		const top = document.createElement("span");
		top.tabIndex = -1;
		document.body.prepend(top);
		top.focus();
		top.remove();
	}`)
	var got []string
	for range want {
		b.do(t, chromedp.KeyEvent(kb.Tab))
		got = append(got, eval[string](t, b, focused))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Tab goes to\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// focus goes to a control by Tab alone.
func (b tab) focus(t *testing.T, selector string) {
	t.Helper()
	for range 2 * len(eval[[]string](t, b, controls)) {
		if eval[bool](t, b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
		b.do(t, chromedp.KeyEvent(kb.Tab))
	}
	t.Fatalf("Tab does not go to %s", selector)
}

// press goes to a control by Tab, and presses Enter there.
func (b tab) press(t *testing.T, selector string) {
	t.Helper()
	b.focus(t, selector)
	b.do(t, chromedp.KeyEvent(kb.Enter))
}

// stop keeps a page that would reload itself.
func (b tab) stop(t *testing.T) {
	t.Helper()
	call(t, b, page.StopLoading, cdp.Empty{})
}
