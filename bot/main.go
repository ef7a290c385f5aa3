// Command bot is Bank Connections for Bkper: the program, and the only place
// that knows its HTTP routes and its wiring.
//
//	bot                  serves the panel, the events and, without settings, the
//	                     stand-ins: everything one needs to try it
//	bot import FILE      records a statement file into a book
//	bot evaluate FILE    replays labelled histories, or a book's own, through the learner
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/sethvargo/go-envconfig"
)

const usage = `usage: bot [command]

  (none)                                  serves the panel, and without settings its stand-ins
  import FILE --book BOOK --account NAME  records a statement file into a book
  evaluate FILE.csv... [--book BOOK]      replays labelled histories through the learner

Each command says more with --help. Settings are environment variables, such as
PORT and DATA_DIR: the README lists them.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], envconfig.OsLookuper(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without its process: it returns the exit code.
func run(ctx context.Context, args []string, env envconfig.Lookuper, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "help", "-h", "-help", "--help":
		_, _ = fmt.Fprintln(stdout, usage)
		return 0
	case "evaluate":
		return evaluateCommand(ctx, args, env, stdout, stderr)
	}
	err := func() error {
		cfg, err := readConfig(ctx, env)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
		switch command {
		case "serve":
			return serve(ctx, cfg, log, stdout)
		case "import":
			return importFile(ctx, cfg, log, args, stdout)
		default:
			return fmt.Errorf("there is no command %q\n\n%s", command, usage)
		}
	}()
	if err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(stderr, "bank connections:", err)
		return 1
	}
	return 0
}
