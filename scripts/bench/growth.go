package main

// How cost grows: with the body's size, the number of fields and of clients.

import (
	"fmt"
	"math/rand/v2"
)

// A bodyKey is one cell of the comparison.
type bodyKey struct {
	program string
	up      bool
	size    int64
}

// request is the transfer of a body as one process.
func (k bodyKey) request() request {
	if k.up {
		return request{method: "PUT", target: "/upload", length: k.size}
	}
	return request{target: fmt.Sprintf("/download?n=%d", k.size)}
}

// measureBodies runs transfers of all sizes as whole processes, without a web
// server whose own cost would hide theirs.
func (b *bench) measureBodies() error {
	times, peaks := map[bodyKey]float64{}, map[bodyKey]int64{}
	for _, size := range b.effort.sizes {
		want := patternDigest(size)
		for _, up := range []bool{false, true} {
			for _, name := range []string{ours, cProxy} {
				p := named(b.programs, name)
				if p == nil {
					continue
				}
				k := bodyKey{name, up, size}
				var err error
				if times[k], err = b.timeBody(p, k, want); err != nil {
					return err
				}
				if peaks[k], err = p.peakOf(k.request()); err != nil {
					return err
				}
			}
		}
	}
	b.reportBodies(times, peaks)
	return nil
}

// timeBody returns the median time in milliseconds.
func (b *bench) timeBody(p *program, k bodyKey, want string) (float64, error) {
	consume := wantDigest(want)
	if k.up {
		consume = wantBody(want)
	}
	runs := 3
	if k.size <= mib {
		runs = max(3, b.effort.fieldRuns)
	}
	var walls []float64
	for range runs {
		u, err := p.run(b.ctx, k.request(), consume)
		if err != nil {
			return 0, err
		}
		walls = append(walls, ms(u.wall))
	}
	return median(walls), nil
}

func (b *bench) reportBodies(times map[bodyKey]float64, peaks map[bodyKey]int64) {
	t := b.report.table("Growing bodies, as a whole process", "Without a web server; "+cProxy+" beside it. Time has to grow no faster than the size, memory not at all.",
		"body", "download", "C", "resident", "C", "upload", "C", "resident", "C")
	for _, n := range b.effort.sizes {
		cells := []string{size(n)}
		for _, up := range []bool{false, true} {
			mine, floor := bodyKey{ours, up, n}, bodyKey{cProxy, up, n}
			cells = append(cells, millis(times[mine]), millis(times[floor]), mebi(float64(peaks[mine])), mebi(float64(peaks[floor])))
		}
		t.add(cells...)
	}
	sizes := b.effort.sizes
	least, less, most := sizes[0], sizes[len(sizes)-2], sizes[len(sizes)-1]
	for _, up := range []bool{false, true} {
		direction := "download"
		if up {
			direction = "upload"
		}
		at := func(n int64) bodyKey { return bodyKey{ours, up, n} }
		perMiB := func(n int64) float64 { return times[at(n)] / (float64(n) / mib) }
		b.report.compare(direction+", ms per MiB of "+size(most), ours, perMiB(most), "of "+size(less), perMiB(less), number, noBudget)
		b.report.compare(direction+" of "+size(most)+", resident", ours, float64(peaks[at(most)]), "of "+size(least), float64(peaks[at(least)]), mebi, noBudget)
	}
}

// fieldCounts are numbers of fields of both the request and the response. Under
// suEXEC some 250 variables is all there can be.
var fieldCounts = []int{1, 10, 50, 100, 200}

// A fieldKey is one cell of the comparison.
type fieldKey struct {
	program string
	count   int
}

func (b *bench) measureFields() error {
	walls, faults := map[fieldKey][]float64{}, map[fieldKey][]float64{}
	peaks := map[fieldKey]int64{}
	names := []string{ours, goProxy, cProxy}
	for round := range b.effort.fieldRuns {
		for _, i := range rand.Perm(len(names) * len(fieldCounts)) {
			k := fieldKey{names[i%len(names)], fieldCounts[i/len(names)]}
			p := named(b.programs, k.program)
			if p == nil {
				continue
			}
			r := request{target: fmt.Sprintf("/fields?n=%d", k.count), fields: k.count}
			u, err := p.run(b.ctx, r, wantBody(fmt.Sprint(k.count)))
			if err != nil {
				return err
			}
			walls[k] = append(walls[k], ms(u.wall))
			faults[k] = append(faults[k], u.faults)
			if round == 0 {
				if peaks[k], err = p.peakOf(r); err != nil {
					return err
				}
			}
		}
	}
	t := b.report.table("Growing headers, as a whole process",
		fmt.Sprintf("That many fields beside the usual ones, both in the request and in the answer; the medians of %d runs.", b.effort.fieldRuns),
		"fields", "p50", "page faults", "resident", goProxy+": p50", "page faults", "resident", cProxy+": p50")
	for _, n := range fieldCounts {
		mine, other, floor := fieldKey{ours, n}, fieldKey{goProxy, n}, fieldKey{cProxy, n}
		t.add(fmt.Sprint(n), millis(median(walls[mine])), count(median(faults[mine])), mebi(float64(peaks[mine])),
			millis(median(walls[other])), count(median(faults[other])), mebi(float64(peaks[other])), millis(median(walls[floor])))
	}
	most := fieldCounts[len(fieldCounts)-1]
	b.report.compare(fmt.Sprintf("whole process with %d fields, p50", most), ours, median(walls[fieldKey{ours, most}]),
		goProxy, median(walls[fieldKey{goProxy, most}]), millis, noBudget)
	return nil
}
