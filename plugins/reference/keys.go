package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"example.com/kms-plugin/internal/keyring"
)

func initRing(ctx context.Context, options options, stdout, _ io.Writer) error {
	ring, err := keyring.Create(ctx, options.keyRing)
	if err != nil {
		return err
	}
	return printText(stdout, ring.Active().ID+"\n")
}

// rotate prints the ID of the new active key.
func rotate(ctx context.Context, options options, stdout, _ io.Writer) error {
	ring, err := keyring.Change(ctx, options.keyRing, func(ring keyring.Ring) (keyring.Ring, error) {
		if options.reinstate != "" {
			return ring.Reinstate(options.reinstate, time.Now())
		}
		return ring.Rotate(time.Now()), nil
	})
	if err != nil {
		return err
	}
	return printText(stdout, ring.Active().ID+"\n")
}

func disable(ctx context.Context, options options, _, _ io.Writer) error {
	if options.old == (options.keyID != "") {
		return usagef("disable: want either --key-id ID or --old")
	}
	_, err := keyring.Change(ctx, options.keyRing, func(ring keyring.Ring) (keyring.Ring, error) {
		if options.old {
			return ring.DisableOld(), nil
		}
		return ring.Disable(options.keyID)
	})
	return err
}

func enable(ctx context.Context, options options, _, _ io.Writer) error {
	if options.keyID == "" {
		return usagef("enable: --key-id ID is missing")
	}
	_, err := keyring.Change(ctx, options.keyRing, func(ring keyring.Ring) (keyring.Ring, error) {
		return ring.Enable(options.keyID)
	})
	return err
}

func listKeys(_ context.Context, options options, stdout, _ io.Writer) error {
	store, err := keyring.Open(options.keyRing)
	if err != nil {
		return err
	}
	ring, err := store.Current()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, key := range ring.Keys() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", key.ID, stateOf(key, ring.Active()), key.Created.Format(time.RFC3339))
	}
	return table.Flush()
}

func stateOf(key, active keyring.Key) string {
	switch {
	case key.ID == active.ID:
		return "active"
	case key.Disabled:
		return "disabled"
	}
	return "enabled"
}

func printVersion(_ context.Context, _ options, stdout, _ io.Writer) error {
	return printText(stdout, fmt.Sprintf("kms-plugin %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
}
