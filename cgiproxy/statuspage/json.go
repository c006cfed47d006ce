package statuspage

import (
	"strings"

	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/finding"
)

// json returns the report as an object. Where a name may be there twice, as in
// a header, the rows are arrays of name and value. It is made by hand, as
// finding.JSONArray is.
func (r *report) json() string {
	var b strings.Builder
	b.WriteString("{\"about\":" + jsonRows(r.about))
	if r.notice != nil {
		b.WriteString(",\n\"notice\":" + strings.TrimSpace(finding.JSON([]check.Finding{*r.notice})))
	}
	b.WriteString(",\n\"findings\":" + strings.TrimSpace(finding.JSON(r.findings)))
	if r.starts {
		b.WriteString(",\n\"app\":" + jsonRows(r.app))
		b.WriteString(",\n\"log\":" + finding.JSONArray(r.log, finding.QuoteJSON))
	}
	b.WriteString(",\n\"request\":" + jsonRows(r.arrived))
	b.WriteString(",\n\"toApp\":{\"line\":" + finding.QuoteJSON(r.line) + ",\"fields\":" + jsonRows(r.fields) + "}")
	b.WriteString(",\n\"limits\":" + jsonRows(r.limits))
	b.WriteString(",\n\"settings\":" + jsonRows(r.settings) + "}\n")
	return b.String()
}

func jsonRows(rows []row) string {
	return finding.JSONArray(rows, finding.JSONPair)
}
