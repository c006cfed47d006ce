package main

import (
	"fmt"
	"math"
)

// A budget is what a ratio of proxy.cgi's value to another may be. The zero
// value is no budget: such a ratio is shown for information.
type budget struct {
	op    string  // "≤" or "≥"
	limit float64 // 0 is none
	goal  float64 // what would be better still, 0 is nothing
}

var noBudget budget

func atMost(limit float64) budget    { return budget{op: "≤", limit: limit} }
func atLeast(limit float64) budget   { return budget{op: "≥", limit: limit} }
func aimAtLeast(goal float64) budget { return budget{op: "≥", goal: goal} }

func (b budget) aim(goal float64) budget {
	b.goal = goal
	return b
}

func (b budget) holds(value, limit float64) bool {
	if b.op == "≤" {
		return value <= limit
	}
	return value >= limit
}

// text describes the budget, format its numbers.
func (b budget) text(format func(float64) string) (s string) {
	if b.limit != 0 {
		s = b.op + " " + format(b.limit)
	}
	if b.goal != 0 {
		if s != "" {
			s += ", "
		}
		s += "aim " + format(b.goal)
	}
	return s
}

// verdict says whether value is within the budget.
func (b budget) verdict(value float64) string {
	switch {
	case b.limit != 0 && !b.holds(value, b.limit):
		return "**not met**"
	case b.goal != 0 && b.holds(value, b.goal):
		return "met, aim too"
	case b.limit != 0:
		return "met"
	case b.goal != 0:
		return "aim not reached"
	default:
		return ""
	}
}

// compare adds the ratio of name's value to other's. Where one of them was not
// measured there is no row.
func (r *report) compare(what, name string, value float64, other string, otherValue float64, format func(float64) string, b budget) {
	ratio := value / otherValue
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) || ratio == 0 {
		return
	}
	r.ratios.add(what, name, format(value), other, format(otherValue), fmt.Sprintf("%.2f", ratio), b.text(plain), b.verdict(ratio))
}

// check adds a value that may be limit at most, whatever others take.
func (r *report) check(what, name string, value, limit float64, format func(float64) string) {
	b := atMost(limit)
	r.ratios.add(what, name, format(value), "", "", "", b.text(format), b.verdict(value))
}

func plain(v float64) string { return fmt.Sprint(v) }
