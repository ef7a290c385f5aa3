package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bank-connections/bkper-bot/internal/store"
)

// listen opens the port on this machine's own interface: in local mode nobody
// else is served.
func listen(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use: is the program running already? Set PORT to another", port)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on port %d: %w", port, err)
	}
	return listener, nil
}

// serve runs the program until ctx ends.
func serve(ctx context.Context, cfg Config, log *slog.Logger, stdout io.Writer) error {
	listener, err := listen(ctx, cfg.Port)
	if err != nil {
		return err
	}
	a, err := open(ctx, cfg, listener, outside{now: time.Now, log: log})
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("the data directory %s is in use by another process: stop that one, or set DATA_DIR", cfg.DataDir)
	}
	if err != nil {
		return err
	}
	if err := writeAddress(cfg, a.url()); err != nil {
		return errors.Join(err, a.close())
	}
	a.greet(stdout)
	err = a.run(ctx)
	return errors.Join(err, removeAddress(cfg), a.close())
}

func (a *app) greet(w io.Writer) {
	book := ""
	if a.sandbox != nil {
		book = "?bookId=" + sandboxBook
	}
	say := func(what, address string) { _, _ = fmt.Fprintf(w, "%-6s %s\n", what, address) }
	say("Panel", a.url()+"/panel"+book)
	if a.sandbox != nil {
		say("Book", a.url()+"/sandbox")
		say("", "Sign in at the demo banks as user demo, password demo.")
	}
}

// The address of the running program lies in the data directory, so that
// `bot import` finds it.

func writeAddress(cfg Config, url string) error {
	if err := os.WriteFile(cfg.file("address"), []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the program's address: %w", err)
	}
	return nil
}

func removeAddress(cfg Config) error {
	err := os.Remove(cfg.file("address"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func readAddress(cfg Config) (string, error) {
	text, err := os.ReadFile(cfg.file("address"))
	if err != nil {
		return "", fmt.Errorf("another process uses the data directory %s, and its address is not known: %w", cfg.DataDir, err)
	}
	return strings.TrimSpace(string(text)), nil
}
