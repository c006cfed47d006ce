package main

// Requests per second, by wrk.

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

// A crowd is how the clients come.
//
// Budgets are for requests with a connection each. Before Apache reads the next
// request from one that is kept, it looks whether the CGI process is gone, and
// waits 10 ms if it is not (mod_cgid, dead_yet): within the 50 µs after its end
// that is chance, and it hides what the programs cost.
type crowd struct {
	clients int  // at once
	kept    bool // each asks over one connection
}

func (c crowd) String() string {
	if c.kept {
		return fmt.Sprintf("%d, kept connection", c.clients)
	}
	return strconv.Itoa(c.clients)
}

// wrk asks for url for a second.
func wrk(ctx context.Context, url string, c crowd) (load, error) {
	path, err := findTool("wrk")
	if err != nil {
		return load{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	args := []string{"-t1", "-c" + strconv.Itoa(c.clients), "-d1s", "--timeout", "10s", "--latency", url}
	if !c.kept {
		args = append(args, "-H", "Connection: close")
	}
	text, err := output(ctx, path, args...)
	if err != nil {
		return load{}, err
	}
	if failure := wrkFailure.FindString(text); failure != "" {
		return load{}, fmt.Errorf("%s, clients %v: %s", url, c, failure)
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
	target *target
	crowd  crowd
}

// crowds are those that are compared.
func (b *bench) crowds() (list []crowd) {
	for _, n := range b.effort.clients {
		list = append(list, crowd{clients: n})
	}
	return append(list, crowd{clients: 1, kept: true})
}

// measureLoad compares all ways with each crowd.
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
		for _, c := range b.crowds() {
			// Those that are compared run close together, in any order.
			rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
			for _, t := range targets {
				l, err := wrk(b.ctx, t.url+"page", c)
				if err != nil {
					return err
				}
				samples[loadKey{t, c}] = append(samples[loadKey{t, c}], l)
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
		if _, err := wrk(b.ctx, t.url+"page", crowd{clients: 2 * b.most()}); err != nil {
			return err
		}
	}
	return nil
}

// most is the largest number of clients.
func (b *bench) most() int { return b.effort.clients[len(b.effort.clients)-1] }

func medianLoad(list []load) load {
	return load{
		perSecond: median(column(list, func(l load) float64 { return l.perSecond })),
		p50:       median(column(list, func(l load) float64 { return l.p50 })),
		p99:       median(column(list, func(l load) float64 { return l.p99 })),
	}
}

func (b *bench) reportLoad(results map[loadKey]load) {
	t := b.report.table(loadTitle,
		fmt.Sprintf("A page of %d bytes, asked for by wrk, by so many clients at once; the medians of %d rounds of one second. Each request has a connection of its own. Over one that is kept, Apache often waits 10 ms after a CGI request, whatever the program.", len(page), b.effort.rounds),
		"way", "program")
	for _, c := range b.crowds() {
		t.head = append(t.head, fmt.Sprintf("%v: requests/s", c), "p50", "p99")
	}
	most := crowd{clients: b.most()}
	c := b.report.chart(fmt.Sprintf("Requests per second, %v clients", most), "", number)
	for _, target := range b.site.targets {
		cells := []string{target.via, target.name}
		for _, c := range b.crowds() {
			l := results[loadKey{target, c}]
			cells = append(cells, number(l.perSecond), millis(l.p50), millis(l.p99))
		}
		t.add(cells...)
		label := target.name
		if target.via != viaProxy {
			label += ", " + target.via
		}
		c.add(label, results[loadKey{target, most}].perSecond, target.name == ours || target.name == oursFast)
	}
	for _, c := range b.crowds() {
		b.compareLoad(results, c)
	}
}

// compareLoad writes the ratios for one crowd.
func (b *bench) compareLoad(results map[loadKey]load, c crowd) {
	rate := func(name, via string) float64 { // 0 where there is no such target
		return results[loadKey{b.site.find(name, via), c}].perSecond
	}
	limit := atLeast(1.12)
	if c.kept {
		limit = noBudget
	}
	cgi, fast := rate(ours, viaCGI), rate(oursFast, viaFCGI)
	what := fmt.Sprintf("mod_cgid, clients: %v; requests/s", c)
	b.report.compare(what, ours, cgi, goProxy, rate(goProxy, viaCGI), number, limit)
	b.report.compare(what, ours, cgi, goTrim, rate(goTrim, viaCGI), number, noBudget)
	b.report.compare(what, ours, cgi, cProxy, rate(cProxy, viaCGI), number, noBudget)
	b.report.compare(what, ours, cgi, modProxy, rate(modProxy, viaProxy), number, noBudget)
	if c.kept {
		return // there is no such wait
	}
	what = fmt.Sprintf("mod_fcgid, clients: %v; requests/s", c)
	b.report.compare(what, oursFast, fast, goFast, rate(goFast, viaFCGI), number, atLeast(1.1))
	b.report.compare(what, oursFast, fast, ours, cgi, number, atLeast(4))
	b.report.compare(what, oursFast, fast, bareFCGI, rate(bareFCGI, viaFCGI), number, atLeast(0.85))
	b.report.compare(what, oursFast, fast, helloFCG, rate(helloFCG, viaFCGI), number, noBudget)
	b.report.compare(what, oursFast, fast, modProxy, rate(modProxy, viaProxy), number, noBudget)
	what = fmt.Sprintf("nginx, clients: %v; requests/s", c)
	fast = rate(oursFast, viaNginx)
	b.report.compare(what, oursFast, fast, goFast, rate(goFast, viaNginx), number, atLeast(1.1))
	b.report.compare(what, oursFast, fast, bareFCGI, rate(bareFCGI, viaNginx), number, atLeast(0.85))
	b.report.compare(what, oursFast, fast, nginxPass, rate(nginxPass, viaNginx), number, noBudget)
}
