package main

// Growing crowds: one site, more and more clients at once.

import "fmt"

func (b *bench) measureCrowd() error {
	if _, err := findTool("wrk"); err != nil {
		return nil // measureLoad has said so
	}
	target := b.site.find(ours, viaCGI)
	if target == nil {
		return nil
	}
	t := b.report.table("Growing crowds, proxy.cgi under mod_cgid",
		"Requests per second stay where the machine's cores leave them, the time of each grows with the number of clients, and the memory of each process not at all.",
		"clients", "requests/s", "p50", "p99", "resident, largest process")
	for _, n := range b.effort.grow {
		var loads []load
		for range min(3, b.effort.rounds) {
			l, err := wrk(b.ctx, target.url+"page", crowd{clients: n})
			if err != nil {
				return err
			}
			loads = append(loads, l)
		}
		stop := watchPeak(target.executable)
		_, err := wrk(b.ctx, target.url+"page", crowd{clients: n})
		peak := stop()
		if err != nil {
			return err
		}
		l := medianLoad(loads)
		t.add(fmt.Sprint(n), number(l.perSecond), millis(l.p50), millis(l.p99), mebi(float64(peak)))
	}
	return nil
}
