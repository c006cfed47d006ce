package statuspage

import (
	"strings"

	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/finding"
)

// json returns the report as an object. Where a name may be there twice, as in
// a header, the rows are arrays of name and value. It is made by hand, as
// finding.JSON is.
func (r *report) json() string {
	var b strings.Builder
	b.WriteString("{\"about\":" + jsonRows(r.about))
	if r.notice != nil {
		b.WriteString(",\n\"notice\":" + strings.TrimSpace(finding.JSON([]check.Finding{*r.notice})))
	}
	b.WriteString(",\n\"findings\":" + strings.TrimSpace(finding.JSON(r.findings)))
	if r.starts {
		b.WriteString(",\n\"app\":" + jsonRows(r.app))
		b.WriteString(",\n\"log\":[")
		for i, line := range r.log {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("\n" + finding.QuoteJSON(line))
		}
		b.WriteString("]")
	}
	b.WriteString(",\n\"request\":" + jsonRows(r.arrived))
	b.WriteString(",\n\"toApp\":{\"line\":" + finding.QuoteJSON(r.line) + ",\"fields\":" + jsonRows(r.fields) + "}")
	b.WriteString(",\n\"limits\":" + jsonRows(r.limits))
	b.WriteString(",\n\"settings\":" + jsonRows(r.settings) + "}\n")
	return b.String()
}

func jsonRows(rows []row) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n[" + finding.QuoteJSON(r[0]) + "," + finding.QuoteJSON(r[1]) + "]")
	}
	b.WriteByte(']')
	return b.String()
}
