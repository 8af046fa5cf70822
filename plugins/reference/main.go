// Kms-plugin is a Kubernetes KMS v2 plugin whose key-encryption keys are in a file: an example for authors of plugins, and
// a plugin for tests. See README.md for what to replace.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker: -X main.version=v1.2.3. KMS v1 wants a semantic version.
var version = "0.0.0-dev"

// stopLimit is above the 4 s that the server takes at most, and below the 5 s in which a plugin should be gone.
const stopLimit = 4500 * time.Millisecond

var errStuck = errors.New("the program does not stop")

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(start())
}

// start returns the exit code: 0, 1 after a failure, 2 for a wrong command line.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	result := make(chan error, 1)
	go func() { result <- run(ctx, os.Args[1:], os.Stdout, os.Stderr) }()
	err := await(ctx, result)
	var usage usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errStuck): // perhaps on standard error: no word
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "kms-plugin: %v\n\n%s", err, usageText)
		return exitUsage
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w (this program runs as user %d)", err, os.Geteuid())
	}
	fmt.Fprintf(os.Stderr, "kms-plugin: %v\n", err)
	return exitFailure
}

// await returns run's result. After a signal it waits for stopLimit only, whatever hangs: a file system, or a log that
// nobody reads any more.
func await(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return err
	case <-time.After(stopLimit):
		return errStuck
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, values ...any) error {
	return usageError{fmt.Errorf(format, values...)}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if len(arguments) == 0 {
		return usagef("no command")
	}
	options, err := parseOptions(arguments[0], arguments[1:])
	if errors.Is(err, flag.ErrHelp) {
		return errors.Join(err, printText(stdout, usageText))
	}
	if err != nil {
		return err
	}
	return commands[arguments[0]].act(ctx, options, stdout, stderr)
}

func printText(stdout io.Writer, text string) error {
	_, err := io.WriteString(stdout, text)
	return err
}
