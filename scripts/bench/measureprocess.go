package main

// One proxied GET as a whole process, which is what CGI pays each time.

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// warmup is how many runs do not count: the first find cold caches.
const warmup = 5

func (b *bench) measureProcess() error {
	programs := usable(b.programs)
	samples := map[*program][]usage{}
	for round := range warmup + b.effort.runs {
		for _, i := range rand.Perm(len(programs)) {
			p := programs[i]
			u, err := p.run(b.ctx, request{target: "/page"}, p.wantPage())
			if err != nil {
				return err
			}
			if round >= warmup {
				samples[p] = append(samples[p], u)
			}
		}
	}
	looks := map[*program][]snapshot{}
	for range b.effort.snapshots {
		for _, p := range programs {
			s, err := p.snapshot()
			if err != nil {
				return err
			}
			looks[p] = append(looks[p], s)
		}
	}
	b.reportProcess(programs, samples, looks)
	return nil
}

// wantPage returns the check of the program's response.
func (p *program) wantPage() func(io.Reader) error {
	if !p.asks {
		return wantBody("hello\n")
	}
	return wantBody(page)
}

func (b *bench) reportProcess(programs []*program, samples map[*program][]usage, looks map[*program][]snapshot) {
	t := b.report.table(processTitle,
		fmt.Sprintf("From the start of the process to its end, %d times each: a page of %d bytes. "+
			"CPU and page faults are medians, too; memory is the peak of what is resident, shared pages included; "+
			"threads are counted while the app is thinking, the median of %d looks. %q is built by `go build` and nothing else, "+
			"the other Go programs with the flags of `make build`. %q is what C does, in a Go program that imports nothing else: none can cost less. %q has net/http/cgi and envconfig linked in and does not use them: less than that proxy.cgi cannot cost. %q asks no app.", b.effort.runs, len(page), b.effort.snapshots, goProxy, goBare, goLinked, goHello),
		"program", "p50", "p99", "CPU", "resident", "page faults", "threads", "p50 of proxy.cgi ÷ its")
	c := b.report.chart("One GET as a whole process, median", " ms", number)
	type figures struct{ wall, cpu, faults, peak, threads float64 }
	all := map[string]figures{}
	for _, p := range programs {
		walls := column(samples[p], func(u usage) float64 { return ms(u.wall) })
		f := figures{
			wall:    median(walls),
			cpu:     median(column(samples[p], func(u usage) float64 { return ms(u.cpu) })),
			faults:  median(column(samples[p], func(u usage) float64 { return u.faults })),
			peak:    slices.Max(column(looks[p], func(s snapshot) float64 { return float64(s.peak) })),
			threads: median(column(looks[p], func(s snapshot) float64 { return float64(s.threads) })),
		}
		all[p.name] = f
		t.add(p.name, millis(f.wall), millis(quantile(walls, 0.99)), millis(f.cpu), mebi(f.peak),
			count(f.faults), count(f.threads), number(all[ours].wall/f.wall))
		c.add(p.name, f.wall, p.name == ours)
	}
	mine := all[ours]
	budgets := map[string]budget{goTrim: atMost(0.9), goLinked: atMost(1.12)}
	for _, name := range []string{goProxy, goTrim, cProxy, goBare, goLinked, goHello, python, perl, php} {
		b.report.compare("whole process, p50", ours, mine.wall, name, all[name].wall, millis, budgets[name])
	}
	for _, name := range []string{goProxy, goTrim, cProxy} {
		b.report.compare("whole process, CPU", ours, mine.cpu, name, all[name].cpu, millis, noBudget)
		b.report.compare("whole process, page faults", ours, mine.faults, name, all[name].faults, count, noBudget)
		b.report.compare("whole process, resident", ours, mine.peak, name, all[name].peak, mebi, noBudget)
	}
	for _, name := range []string{goBare, goLinked} {
		b.report.compare("whole process, p50", name, all[name].wall, cProxy, all[cProxy].wall, millis, noBudget)
	}
	b.report.compare("whole process, p50", ours386, all[ours386].wall, ours, mine.wall, millis, atMost(1.15))
	b.report.check("whole process, threads", ours, mine.threads, 4, count)
}
