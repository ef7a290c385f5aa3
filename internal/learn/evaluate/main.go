package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

const usage = `usage: evaluate FILE.csv [--json] [--predictions OUT.csv]

FILE.csv is a labelled history, oldest row first, with the header
date,amount,description,bank_account,counter_account

`

// Main is the command "evaluate": it returns the exit code, 0 if all went
// well, 1 if the file could not be evaluated, 2 if the arguments are wrong.
// Flags may stand before and behind the file.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var (
		flags = flag.NewFlagSet("evaluate", flag.ContinueOnError)
		asked command
		files []string
	)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		say(stderr, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&asked.json, "json", false, "print one JSON object instead of a table")
	flags.StringVar(&asked.predictions, "predictions", "", "write what was suggested for each row to this CSV `file`")
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return 0
		} else if err != nil {
			return 2
		}
		if flags.NArg() == 0 {
			break
		}
		files = append(files, flags.Arg(0))
		rest = flags.Args()[1:]
	}
	if len(files) != 1 {
		say(stderr, fmt.Sprintf("evaluate takes one file, not %d\n", len(files)))
		flags.Usage()
		return 2
	}
	asked.file = files[0]
	if err := asked.run(ctx, stdout); err != nil {
		say(stderr, fmt.Sprintf("evaluate %s: %v\n", asked.file, err))
		return 1
	}
	return 0
}

// say writes for a person; if nobody can hear it, there is nobody to tell.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

type command struct {
	file, predictions string
	json              bool
}

func (c command) run(ctx context.Context, stdout io.Writer) error {
	history, err := os.Open(c.file)
	if err != nil {
		return err
	}
	defer func() { _ = history.Close() }() // it was only read
	options := Options{Now: time.Now}
	var out *os.File
	if c.predictions != "" {
		if out, err = os.Create(c.predictions); err != nil {
			return err
		}
		options.Predictions = out
	}
	report, err := Run(ctx, history, options)
	if out != nil {
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return err
	}
	if c.json {
		return json.NewEncoder(stdout).Encode(report)
	}
	return report.print(stdout)
}

// print writes the table for people.
func (r Report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, line := range []string{
		"\trows\tcorrect\tof all rows\tcorrect of these\t",
		fmt.Sprintf("suggested\t%d\t%d\t%s\t%s\t", r.Suggested, r.Correct, percent(r.Coverage), percent(r.Precision)),
		fmt.Sprintf("completed\t%d\t%d\t%s\t%s\t", r.Auto.Completed, r.Auto.Correct, percent(r.Auto.Coverage), percent(r.Auto.Precision)),
	} {
		if _, err := fmt.Fprintln(t, line); err != nil {
			return err
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d rows, %s of them suggested right, in %.2f s\n", r.Rows, percent(r.Accuracy), r.Seconds)
	return err
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
