package main

// Large bodies through the web servers, each byte checked.

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

const transferTimeout = 2 * time.Minute

// A transfer is one direction.
type transfer struct {
	name string
	run  func(client *http.Client, t *target, length int64) (digest string, err error)
}

var transfers = []transfer{
	{"download", func(client *http.Client, t *target, length int64) (string, error) {
		resp, err := client.Get(fmt.Sprintf("%sdownload?n=%d", t.url, length))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		return digest(resp.Body)
	}},
	{"upload", func(client *http.Client, t *target, length int64) (string, error) {
		req, err := http.NewRequest("PUT", t.url+"upload", &pattern{length: length})
		if err != nil {
			return "", err
		}
		req.ContentLength = length
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body) // the app tells what it got
		return string(text), err
	}},
}

// transferKey is one cell of the comparison.
type transferKey struct {
	direction string
	target    *target
}

func (b *bench) measureTransfers() error {
	client := &http.Client{Timeout: transferTimeout, Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		ReadBufferSize: transferBuffer, WriteBufferSize: transferBuffer,
	}}
	want := patternDigest(b.effort.large)
	times, peaks := map[transferKey][]float64{}, map[transferKey]int64{}
	for round := range b.effort.transfers + 1 {
		for _, direction := range transfers {
			for _, t := range b.transferTargets() {
				if err := b.ctx.Err(); err != nil {
					return err
				}
				stop := func() int64 { return 0 }
				if round == 0 { // watching takes time, so this round is for memory only
					stop = watchPeak(t.executable)
				}
				start := time.Now()
				got, err := direction.run(client, t, b.effort.large)
				took := time.Since(start).Seconds()
				peak := stop()
				if err == nil && got != want {
					err = fmt.Errorf("length and checksum are %.100q, want %q", got, want)
				}
				if err != nil {
					return fmt.Errorf("%s, %s by %s: %w", direction.name, t.name, t.via, err)
				}
				key := transferKey{direction.name, t}
				peaks[key] = max(peaks[key], peak)
				if round > 0 {
					times[key] = append(times[key], took)
				}
			}
		}
	}
	b.reportTransfers(times, peaks)
	return nil
}

func (b *bench) transferTargets() (list []*target) {
	for _, t := range b.site.targets {
		// mod_fcgid refuses large uploads, and is not used for them; gofcgibare and
		// gofcgihello take none.
		if t.via != viaFCGI && t.name != bareFCGI && t.name != helloFCG {
			list = append(list, t)
		}
	}
	return list
}

func (b *bench) reportTransfers(times map[transferKey][]float64, peaks map[transferKey]int64) {
	large := size(b.effort.large)
	t := b.report.table(large+" through a web server",
		fmt.Sprintf("The medians of %d transfers each, checked by length and CRC-32C at the other end; memory is the peak of what is resident.", b.effort.transfers),
		"way", "program", "download", "upload", "resident, download", "resident, upload")
	c := b.report.chart(large+" through a web server", " MiB/s", number)
	rate := func(direction string, t *target) float64 {
		return float64(b.effort.large) / mib / median(times[transferKey{direction, t}])
	}
	for _, target := range b.transferTargets() {
		down, up := transferKey{"download", target}, transferKey{"upload", target}
		resident := func(k transferKey) string {
			if target.executable == "" {
				return "–"
			}
			return mebi(float64(peaks[k]))
		}
		t.add(target.via, target.name, number(rate("download", target))+" MiB/s", number(rate("upload", target))+" MiB/s", resident(down), resident(up))
		mine := target.name == ours || target.name == oursFast
		c.add(target.name+", download", rate("download", target), mine)
		c.add(target.name+", upload", rate("upload", target), mine)
	}
	mine, ceiling := b.site.find(ours, viaCGI), b.site.find(modProxy, viaProxy)
	for _, direction := range []struct {
		name   string
		budget budget
	}{{"download", atLeast(0.95)}, {"upload", atLeast(0.8).aim(0.95)}} {
		what := large + " " + direction.name
		key := transferKey{direction.name, mine}
		b.report.compare(what+", MiB/s", ours, rate(direction.name, mine), modProxy, rate(direction.name, ceiling), number, direction.budget)
		for _, name := range []string{goProxy, cProxy} {
			if other := b.site.find(name, viaCGI); other != nil {
				b.report.compare(what+", MiB/s", ours, rate(direction.name, mine), name, rate(direction.name, other), number, noBudget)
			}
		}
		if fast, pass := b.site.find(oursFast, viaNginx), b.site.find(nginxPass, viaNginx); fast != nil && pass != nil {
			b.report.compare("nginx, "+what+", MiB/s", oursFast, rate(direction.name, fast), nginxPass, rate(direction.name, pass), number, atLeast(0.9))
		}
		b.report.check(what+", resident", ours, float64(peaks[key]), 16*mib, mebi)
	}
}
