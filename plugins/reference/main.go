// Kms-plugin is a Kubernetes KMS v2 plugin whose key-encryption keys are in a file: an example for authors of plugins, and
// a plugin for tests. See README.md for what to replace.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker: -X main.version=v1.2.3. KMS v1 wants a semantic version.
var version = "0.0.0-dev"

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
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var usage usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "kms-plugin: %v\n\n%s", err, usageText)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "kms-plugin: %v\n", err)
	return exitFailure
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
