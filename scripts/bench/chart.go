package main

// The bar charts, one below the other in one SVG picture.

import (
	"fmt"
	"html"
	"strings"
)

// A chart is a group of bars of one unit.
type chart struct {
	title, unit string
	format      func(float64) string
	bars        []bar
}

type bar struct {
	label string
	value float64
	ours  bool
}

func (c *chart) add(label string, value float64, ours bool) {
	c.bars = append(c.bars, bar{label, value, ours})
}

const (
	svgWidth  = 760
	barsLeft  = 250 // labels end here
	barsWidth = 390 // of the longest; its value stands behind it
	rowHeight = 24
	headRoom  = 44 // above a chart's first bar
	footRoom  = 34 // below the last chart
)

// The colours are readable on white and on black, where an image is shown
// without its page's style.
const svgHead = `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.foot { font-size: 11px; fill: #59636e }
.back { fill: #ffffff }
.bar { fill: #9aa4b1 }
.ours { fill: #1a7f64 }
@media (prefers-color-scheme: dark) {
	text { fill: #e6edf3 }
	.foot { fill: #9198a1 }
	.back { fill: #0d1117 }
	.bar { fill: #57606a }
	.ours { fill: #3fb68b }
}
</style>
<rect class="back" width="100%%" height="100%%"/>
`

// svg draws all charts.
func (r *report) svg() string {
	charts := r.filledCharts()
	height := footRoom
	for _, c := range charts {
		height += headRoom + rowHeight*len(c.bars)
	}
	var b strings.Builder
	fmt.Fprintf(&b, svgHead, svgWidth, height, "proxy.cgi beside other programs; the figures are in results.md")
	y := 0
	for _, c := range charts {
		y = c.draw(&b, y)
	}
	fmt.Fprintf(&b, `<text class="foot" x="12" y="%d">%s</text>`+"\n</svg>\n", y+22, html.EscapeString(r.machine.short()))
	return b.String()
}

// draw draws the chart below y, and returns where it ends.
func (c *chart) draw(b *strings.Builder, y int) int {
	longest := 0.0
	for _, bar := range c.bars {
		longest = max(longest, bar.value)
	}
	fmt.Fprintf(b, `<text class="title" x="12" y="%d">%s</text>`+"\n", y+28, html.EscapeString(c.title))
	y += headRoom
	for _, bar := range c.bars {
		class := "bar"
		if bar.ours {
			class = "ours"
		}
		width := max(1, bar.value/longest*barsWidth)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barsLeft-8, y+14, html.EscapeString(bar.label))
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="16" rx="2"/>`+"\n", class, barsLeft, y+1, width)
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", barsLeft+width+8, y+14, html.EscapeString(c.format(bar.value)+c.unit))
		y += rowHeight
	}
	return y
}
