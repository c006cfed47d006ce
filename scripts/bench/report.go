package main

// The results: one table of ratios, and the figures behind it.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A report is filled by the parts.
type report struct {
	machine machine
	quick   bool
	ratios  *table
	tables  []*table
	charts  []*chart
	skipped []string
}

// A table has cells of text.
type table struct {
	title, note string
	head        []string
	rows        [][]string
}

func newReport(quick bool) *report {
	return &report{
		machine: thisMachine(),
		quick:   quick,
		ratios: &table{
			title: "Ratios",
			head:  []string{"measured", "program", "value", "beside", "its value", "ratio", "budget", "result"},
		},
	}
}

// table adds a table.
func (r *report) table(title, note string, head ...string) *table {
	t := &table{title: title, note: note, head: head}
	r.tables = append(r.tables, t)
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// skip notes what the results lack.
func (r *report) skip(what, why string) {
	why, _, _ = strings.Cut(why, "\n")
	r.skipped = append(r.skipped, what+": "+why)
}

func (r *report) addSkipped(programs []*program) {
	for _, p := range programs {
		if p.err != nil {
			r.skip(p.name, p.err.Error())
		}
	}
}

// markdown writes the table so that it can be read as it is, too.
func (t *table) markdown() string {
	widths := make([]int, len(t.head))
	all := append([][]string{t.head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(cells []string, filler string) {
		for i, cell := range cells {
			b.WriteString("|" + filler + cell + strings.Repeat(filler, widths[i]-utf8.RuneCountInString(cell)) + filler)
		}
		b.WriteString("|\n")
	}
	line(t.head, " ")
	line(make([]string, len(t.head)), "-")
	for _, row := range t.rows {
		line(row, " ")
	}
	return b.String()
}

// summary is the one table, with what one has to know about it.
func (r *report) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", r.machine)
	if r.quick {
		b.WriteString("A quick look: too few runs for the figures to be worth much.\n\n")
	}
	b.WriteString(r.ratios.markdown())
	for _, s := range r.skipped {
		fmt.Fprintf(&b, "\nLeft out: %s\n", s)
	}
	return b.String()
}

// text is results.md.
func (r *report) text() string {
	var b strings.Builder
	b.WriteString("# Benchmark\n\nMade by `make bench`; do not edit.\n")
	b.WriteString(r.summary())
	b.WriteString(`
A ratio is the value of the program divided by the one beside it: of a time or
of memory less is better, of a rate more. Budgets are what this project promises
itself. The yardsticks are the short programs in [yardsticks](yardsticks).
`)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", t.title, t.note, t.markdown())
	}
	return b.String()
}

// write writes results.md and results.svg.
func (r *report) write(folder string) error {
	return errors.Join(
		os.MkdirAll(folder, 0o755),
		os.WriteFile(filepath.Join(folder, "results.md"), []byte(r.text()), 0o644),
		os.WriteFile(filepath.Join(folder, "results.svg"), []byte(r.svg()), 0o644),
	)
}

// chart adds a chart; empty ones are left out of the picture.
func (r *report) chart(title, unit string, format func(float64) string) *chart {
	c := &chart{title: title, unit: unit, format: format}
	r.charts = append(r.charts, c)
	return c
}

func (r *report) filledCharts() []*chart {
	return slices.DeleteFunc(slices.Clone(r.charts), func(c *chart) bool { return len(c.bars) == 0 })
}
