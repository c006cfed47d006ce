package main

// Event streams: when the first byte comes, and how late each event is.

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"
)

const (
	streamEvents = 40
	streamPause  = 10 * time.Millisecond
)

// A stream is what one client saw of an event stream.
type stream struct {
	first  float64   // milliseconds until the first byte of the response
	delays []float64 // milliseconds of each event on its way
}

func (b *bench) watchStream(t *target) (s stream, err error) {
	url := fmt.Sprintf("%sevents?n=%d&ms=%d", t.url, streamEvents, streamPause.Milliseconds())
	req, err := http.NewRequestWithContext(b.ctx, "GET", url, nil)
	if err != nil {
		return s, err
	}
	start := time.Now()
	req = req.WithContext(httptrace.WithClientTrace(b.ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { s.first = ms(time.Since(start)) },
	}))
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		now := time.Now()
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		sent, err := strconv.ParseInt(data, 10, 64)
		if err != nil {
			return s, err
		}
		s.delays = append(s.delays, float64(now.UnixNano()-sent)/1e6)
	}
	if lines.Err() == nil && len(s.delays) != streamEvents {
		return s, fmt.Errorf("%d of %d events", len(s.delays), streamEvents)
	}
	return s, lines.Err()
}

func (b *bench) measureEvents() error {
	streams := map[*target][]stream{}
	for range b.effort.streams {
		for _, t := range b.site.targets {
			if !t.asks {
				continue
			}
			s, err := b.watchStream(t)
			if err != nil {
				return fmt.Errorf("%s by %s: %w", t.name, t.via, err)
			}
			streams[t] = append(streams[t], s)
		}
	}
	b.reportEvents(streams)
	return nil
}

func (b *bench) reportEvents(streams map[*target][]stream) {
	t := b.report.table("Event streams",
		fmt.Sprintf("%d streams each, with %d events %v apart. mod_fcgid holds back what is less than 64 KiB, whatever the program does: "+
			"event streams belong to proxy.cgi (see the hybrid in htaccess.example).", b.effort.streams, streamEvents, streamPause),
		"way", "program", "first byte", "event, p50", "event, p99")
	type figures struct{ first, p50 float64 }
	all := map[string]figures{}
	for _, target := range b.site.targets {
		if streams[target] == nil {
			continue
		}
		first := median(column(streams[target], func(s stream) float64 { return s.first }))
		var delays []float64
		for _, s := range streams[target] {
			delays = append(delays, s.delays...)
		}
		all[target.name] = figures{first, median(delays)}
		t.add(target.via, target.name, millis(first), millis(median(delays)), millis(quantile(delays, 0.99)))
	}
	for _, name := range []string{goProxy, modProxy} {
		b.report.compare("event stream, first byte", ours, all[ours].first, name, all[name].first, millis, noBudget)
		b.report.compare("event stream, delay of an event", ours, all[ours].p50, name, all[name].p50, millis, noBudget)
	}
}
