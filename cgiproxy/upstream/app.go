package upstream

import (
	"context"
	"errors"
	"net"
	"path/filepath"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
)

// NewApp returns the app that START starts, or nil where there is no START.
func NewApp(cfg *settings.Config) *ondemand.App {
	if cfg.Start == "" {
		return nil
	}
	u := &cfg.Upstream
	app := &ondemand.App{
		Command:       cfg.Start,
		Dir:           cfg.StartDir,
		Network:       u.Network,
		Auto:          u.Auto,
		Timeout:       cfg.StartTimeout,
		Log:           cfg.StartLog,
		Env:           cfg.StartVars,
		Passing:       cfg.StartPassing,
		RestartFiles:  []string{cfg.RestartFile},
		AlwaysRestart: filepath.Join(filepath.Dir(cfg.RestartFile), "always_restart.txt"),
		IdleStop:      cfg.IdleStop,
		Connect:       connectOwn(cfg),
	}
	app.Settings, app.SettingsChanged = cfg.StartFile()
	for _, address := range [...]string{u.Address, u.Second} {
		if address != "" {
			app.Addresses = append(app.Addresses, address)
		}
	}
	return app
}

// connectOwn tells the app's listener from that of a stranger, who may have its
// address while it is down.
func connectOwn(cfg *settings.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	t := &Transport{Config: cfg}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := t.connectTo(ctx, network, address)
		if stranger, ok := errors.AsType[*ownerError](err); ok {
			return nil, ondemand.NotOurs(address, stranger)
		}
		return conn, err
	}
}

// idlePool returns the connections to the app. One that has replaced another on
// another port has a pool of its own: the other may still answer for a while, and a
// request that goes on there gives its connection back late.
func (t *Transport) idlePool() *pool {
	p, address := t.idle.Load(), t.ChosenAddress()
	if p != nil && (address == "" || address == p.address) {
		return p
	}
	next := &pool{address: address, keepTime: t.KeepTime}
	if !t.idle.CompareAndSwap(p, next) {
		return t.idle.Load() // another request has seen it, too
	}
	if p != nil {
		p.close()
	}
	return next
}

// ChosenAddress returns where App listens, where that is another at each start, and
// if it is known.
func (t *Transport) ChosenAddress() string {
	if t.App == nil || !t.App.Auto {
		return ""
	}
	_, addresses, err := t.App.Address()
	if err != nil || len(addresses) == 0 {
		return ""
	}
	return addresses[0]
}
