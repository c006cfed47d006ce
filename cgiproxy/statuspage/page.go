package statuspage

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"

	"proxy.cgi/cgiproxy/command/check"
)

// The page needs nothing from elsewhere. Embedded, its parts cost a request
// nothing: they are only read from the file when they are looked at. There is no
// html/template, which would be initialised with each request: all that is put
// in goes through escape.
var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}

// html returns the report as a page, and has the response's policy let its style
// and its script through.
func (v *visit) html(r *report) string {
	notice := ""
	if r.notice != nil {
		notice = `<div role="status">` + findingList([]check.Finding{*r.notice}) + "</div>"
	}
	return v.fill(
		"{title}", title(r.findings),
		"{notice}", notice,
		"{about}", table(r.about),
		"{findings}", findings(r.findings),
		"{app}", v.appSection(r),
		"{path}", escape(v.path),
		"{form}", v.formToken(),
		"{arrived}", table(r.arrived),
		"{line}", escape(r.line),
		"{fields}", table(r.fields),
		"{limits}", table(r.limits),
		"{settings}", table(r.settings),
	)
}

// refusal returns a page that only says why.
func (v *visit) refusal(why check.Finding) string {
	page, _, _ := strings.Cut(pageHTML, "<!-- end of the notice -->")
	return v.fillText(page+"</main>\n", "{title}", "Not done", "{notice}", findingList([]check.Finding{why}), "{path}", escape(v.path))
}

func (v *visit) fill(pairs ...string) string { return v.fillText(pageHTML, pairs...) }

func (v *visit) fillText(page string, pairs ...string) string {
	nonce := rand.Text()
	v.W.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
		"'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	pairs = append(pairs, "{nonce}", nonce, "{css}", pageCSS, "{js}", pageJS, "{host}", escape(v.Host))
	return strings.NewReplacer(pairs...).Replace(page)
}

func title(all []check.Finding) string {
	faults, warnings := count(all, check.Fault), count(all, check.Warning)
	switch {
	case faults > 0:
		return number(faults, "fault")
	case warnings > 0:
		return number(warnings, "warning")
	}
	return "All is well"
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func count(all []check.Finding, level check.Level) (n int) {
	for _, f := range all {
		if f.Level == level {
			n++
		}
	}
	return n
}

// findings shows what is to be done, and lets the rest be opened.
func findings(all []check.Finding) string {
	var todo, fine []check.Finding
	for _, level := range [...]check.Level{check.Fault, check.Warning, check.OK} {
		for _, f := range all {
			switch {
			case f.Level != level:
			case level == check.OK:
				fine = append(fine, f)
			default:
				todo = append(todo, f)
			}
		}
	}
	text := findingList(todo)
	if len(fine) > 0 {
		text += fmt.Sprintf("<details><summary>%d are ok</summary>%s</details>", len(fine), findingList(fine))
	}
	return text
}

// findingList shows each with its level in a word and a sign, not by colour
// alone.
func findingList(all []check.Finding) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<ul class="findings">`)
	for _, f := range all {
		sign := [...]string{check.OK: "✓", check.Warning: "!", check.Fault: "✗"}[f.Level]
		fmt.Fprintf(&b, "\n<li class=\"%s\"><b><span aria-hidden=\"true\">%s</span> %s</b> <i>%s</i> %s", f.Level, sign, f.Level, escape(f.Check), escape(f.Text))
		if f.Remedy != "" {
			fmt.Fprintf(&b, `<p>What to do: %s</p>`, escape(f.Remedy))
		}
	}
	b.WriteString("\n</ul>")
	return b.String()
}

func table(rows []row) string {
	var b strings.Builder
	b.WriteString("<table>")
	for _, r := range rows {
		fmt.Fprintf(&b, "\n<tr><th scope=\"row\">%s<td>%s", escape(r[0]), escape(r[1]))
	}
	b.WriteString("\n</table>")
	return b.String()
}

func (v *visit) appSection(r *report) string {
	if !r.starts {
		return "<p>CGIPROXY_START is not set: proxy.cgi does not start this site's app, and cannot stop it.</p>"
	}
	return table(r.app) + `
<form method="post" action="` + escape(v.path) + `">
<input type="hidden" name="form" value="` + v.formToken() + `">
<button name="action" value="restart">Restart the app</button>
<button name="action" value="stop">Stop the app</button>
<small>Stopped, it starts again with the next request.</small>
</form>
<h3>The last lines of ` + escape(r.logFile) + `</h3>
<pre tabindex="0">` + escape(strings.Join(r.log, "\n")) + `</pre>`
}
