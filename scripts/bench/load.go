package main

// Requests per second under Apache, by wrk.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A load is what wrk saw in a second or the median of some.
type load struct {
	perSecond float64
	p50, p99  float64 // milliseconds
}

var (
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkLatency = regexp.MustCompile(`(?m)^\s+(50|99)%\s+([0-9.]+[a-z]+)`)
	wrkFailure = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*`)
)

// wrk asks for url with that many clients for a second.
func wrk(ctx context.Context, url string, clients int) (load, error) {
	path, err := findTool("wrk")
	if err != nil {
		return load{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text, err := output(ctx, path, "-t1", "-c"+strconv.Itoa(clients), "-d1s", "--timeout", "10s", "--latency", url)
	if err != nil {
		return load{}, err
	}
	if failure := wrkFailure.FindString(text); failure != "" {
		return load{}, fmt.Errorf("%s with %d clients: %s", url, clients, failure)
	}
	return parseWrk(text)
}

func parseWrk(text string) (load, error) {
	rate, latency := wrkRate.FindStringSubmatch(text), wrkLatency.FindAllStringSubmatch(text, -1)
	if rate == nil || len(latency) != 2 {
		return load{}, fmt.Errorf("cannot read what wrk says:\n%s", text)
	}
	var l load
	l.perSecond, _ = strconv.ParseFloat(rate[1], 64)
	for i, to := range []*float64{&l.p50, &l.p99} {
		d, err := time.ParseDuration(latency[i][2])
		if err != nil {
			return load{}, err
		}
		*to = ms(d)
	}
	return l, nil
}

// A loadKey is one cell of the comparison.
type loadKey struct {
	target  *target
	clients int
}

// measureLoad compares all ways with each number of clients.
func (b *bench) measureLoad() error {
	if _, err := findTool("wrk"); err != nil {
		b.report.skip("requests per second", err.Error())
		return nil
	}
	targets := slices.Clone(b.site.targets)
	for _, t := range targets {
		if err := b.spawn(t); err != nil {
			return err
		}
	}
	samples := map[loadKey][]load{}
	for range b.effort.rounds {
		for _, n := range b.effort.clients {
			// Those that are compared run close together, in any order.
			rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
			for _, t := range targets {
				l, err := wrk(b.ctx, t.url+"page", n)
				if err != nil {
					return err
				}
				samples[loadKey{t, n}] = append(samples[loadKey{t, n}], l)
			}
		}
	}
	results := map[loadKey]load{}
	for k, list := range samples {
		results[k] = medianLoad(list)
	}
	b.reportLoad(results)
	return nil
}

// spawn has mod_fcgid start more processes than will be busy at once: it lets
// a request for which there is none wait for a second.
func (b *bench) spawn(t *target) error {
	if t.via != viaFCGI {
		return nil
	}
	for range min(2, b.effort.rounds) {
		if _, err := wrk(b.ctx, t.url+"page", 2*b.effort.clients[len(b.effort.clients)-1]); err != nil {
			return err
		}
	}
	return nil
}

func medianLoad(list []load) load {
	return load{
		perSecond: median(column(list, func(l load) float64 { return l.perSecond })),
		p50:       median(column(list, func(l load) float64 { return l.p50 })),
		p99:       median(column(list, func(l load) float64 { return l.p99 })),
	}
}

func (b *bench) reportLoad(results map[loadKey]load) {
	t := b.report.table(loadTitle,
		fmt.Sprintf("A page of %d bytes, asked for by wrk over connections that are kept; the medians of %d rounds of one second.", len(page), b.effort.rounds),
		"way", "program")
	for _, n := range b.effort.clients {
		t.head = append(t.head, fmt.Sprintf("%d: requests/s", n), "p50", "p99")
	}
	most := b.effort.clients[len(b.effort.clients)-1]
	c := b.report.chart(fmt.Sprintf("Requests per second under Apache, %d clients", most), "", number)
	for _, target := range b.site.targets {
		cells := []string{target.via, target.name}
		for _, n := range b.effort.clients {
			l := results[loadKey{target, n}]
			cells = append(cells, number(l.perSecond), millis(l.p50), millis(l.p99))
		}
		t.add(cells...)
		label := target.name
		if target.via != viaProxy {
			label += ", " + target.via
		}
		c.add(label, results[loadKey{target, most}].perSecond, target.name == ours || target.name == oursFast)
	}
	for _, n := range b.effort.clients {
		b.compareLoad(results, n)
	}
}

// compareLoad writes the ratios for n clients.
func (b *bench) compareLoad(results map[loadKey]load, n int) {
	rate := func(name, via string) float64 { return results[loadKey{b.site.find(name, via), n}].perSecond }
	cgi, fast := rate(ours, viaCGI), rate(oursFast, viaFCGI)
	what := fmt.Sprintf("mod_cgid, %d clients, requests/s", n)
	b.report.compare(what, ours, cgi, goProxy, rate(goProxy, viaCGI), number, atLeast(1.12))
	b.report.compare(what, ours, cgi, goTrim, rate(goTrim, viaCGI), number, noBudget)
	b.report.compare(what, ours, cgi, cProxy, rate(cProxy, viaCGI), number, noBudget)
	b.report.compare(what, ours, cgi, modProxy, rate(modProxy, viaProxy), number, noBudget)
	what = fmt.Sprintf("mod_fcgid, %d clients, requests/s", n)
	b.report.compare(what, oursFast, fast, goFast, rate(goFast, viaFCGI), number, atLeast(1).aim(1.25))
	b.report.compare(what, oursFast, fast, ours, cgi, number, atLeast(4))
	b.report.compare(what, oursFast, fast, helloFCG, rate(helloFCG, viaFCGI), number, aimAtLeast(0.75))
	b.report.compare(what, oursFast, fast, modProxy, rate(modProxy, viaProxy), number, noBudget)
}
