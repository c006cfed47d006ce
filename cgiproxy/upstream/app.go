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
		Settings:      cfg.StartFile(),
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

// forgetOldApp closes the idle connections to an app that another has replaced
// on another port: it may still answer for a while.
func (t *Transport) forgetOldApp() {
	if t.App == nil || !t.App.Auto {
		return
	}
	_, addresses, err := t.App.Address()
	if err != nil || len(addresses) == 0 {
		return
	}
	if before := t.idleAddress.Swap(&addresses[0]); before == nil || *before != addresses[0] {
		t.CloseIdle()
	}
}
