package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/sethvargo/go-envconfig"

	"github.com/bank-connections/bkper-bot/internal/seal"
)

// Config is everything that the environment decides. The README lists it.
type Config struct {
	// Port is the one to listen on, at 127.0.0.1.
	Port int `env:"PORT, default=8080"`
	// DataDir holds all that lasts: the store with its queue, the stand-in
	// book server, the key that seals secrets.
	DataDir string `env:"DATA_DIR, default=.data"`
	// BkperURL is the book server. Empty is the stand-in of this program.
	BkperURL string `env:"BKPER_URL"`
	// BkperToken stands for requests that bring no token of their own. It is
	// the access token of a Bkper user, or one of the stand-in's users.
	BkperToken seal.Secret `env:"BKPER_TOKEN"`
	// BkperAPIKey is sent to the book server for a quota of one's own.
	BkperAPIKey seal.Secret `env:"BKPER_API_KEY"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"LOG_LEVEL, default=info"`
	// DemoPace is the time between live purchases at the demo banks.
	DemoPace time.Duration `env:"DEMO_PACE, default=30s"`
	// DemoVolume multiplies what customers of the demo banks buy.
	DemoVolume int `env:"DEMO_VOLUME, default=1"`
}

func readConfig(ctx context.Context, from envconfig.Lookuper) (Config, error) {
	var c Config
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &c, Lookuper: from}); err != nil {
		return c, fmt.Errorf("reading the environment: %w", err)
	}
	return c, c.check()
}

func (c Config) check() error {
	var problems []error
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("PORT is %d: it must be from 0 to 65535", c.Port))
	}
	if c.DataDir == "" {
		problems = append(problems, errors.New("DATA_DIR is empty: name a folder"))
	}
	if c.DemoPace < time.Second {
		problems = append(problems, fmt.Errorf("DEMO_PACE is %s: it must be 1s or more", c.DemoPace))
	}
	if c.DemoVolume < 1 || c.DemoVolume > 100 {
		problems = append(problems, fmt.Errorf("DEMO_VOLUME is %d: it must be from 1 to 100", c.DemoVolume))
	}
	if c.BkperURL != "" && c.BkperToken.IsZero() {
		problems = append(problems, errors.New("BKPER_URL is set without BKPER_TOKEN: give the access token of a Bkper user, `bkper auth token` prints one"))
	}
	return errors.Join(problems...)
}

func (c Config) file(name string) string { return filepath.Join(c.DataDir, name) }
