package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantile returns the value that a share q of all is not above, NaN for none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// column returns f of each.
func column[T any](list []T, f func(T) float64) []float64 {
	values := make([]float64, len(list))
	for i, x := range list {
		values[i] = f(x)
	}
	return values
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// number writes v with three digits that count, and none behind the point
// from 100 on.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// count writes a number of things.
func count(v float64) string { return fmt.Sprintf("%.0f", v) }

func millis(v float64) string   { return number(v) + " ms" }
func mebi(bytes float64) string { return number(bytes/mib) + " MiB" }

// size writes a number of bytes that is a power of two.
func size(n int64) string {
	if n < mib {
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d MiB", n/mib)
}
