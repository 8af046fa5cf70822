package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"slices"

	"example.com/kms-plugin/internal/keyservice"
)

const usageText = `Usage:
  kms-plugin serve --listen ADDRESS --key-ring FILE [--metrics-listen ADDRESS] [--kms-v1] [--scheme SCHEME] [--log-level LEVEL]
  kms-plugin init --key-ring FILE                    make a key ring with one key
  kms-plugin rotate --key-ring FILE [--reinstate ID] add a new key, or an old one under a new ID, and make it active
  kms-plugin disable --key-ring FILE --key-id ID     refuse to decrypt with a key
  kms-plugin disable --key-ring FILE --old           the same for all keys but the active one
  kms-plugin enable --key-ring FILE --key-id ID      undo disable
  kms-plugin keys --key-ring FILE                    list the keys: ID, state, creation
  kms-plugin version

  --listen ADDRESS          unix:///path/to/socket, or unix:///@name for an abstract socket
  --metrics-listen ADDRESS  unix:///path/to/socket or 127.0.0.1:PORT; GET /metrics (default: no metrics)
  --key-ring FILE           key file of mode 0600; serve makes it if it is absent, and sees changes at the next call
  --kms-v1                  serve KMS v1 too, for migrations (default: KMS v2 only)
  --scheme SCHEME           how Encrypt seals: hkdf-sha256-aes-256-gcm (default), or aes-256-gcm as before keys were
                            derived; Decrypt opens both
  --log-level LEVEL         debug, info, warn or error (default: info); the log goes to standard error as JSON lines
`

// options are all flags; each command takes some of them.
type options struct {
	listen        string
	metricsListen string
	keyRing       string
	keyID         string
	reinstate     string
	old           bool
	kmsV1         bool
	scheme        string
	logLevel      slog.Level
}

type command struct {
	flags []string
	act   func(ctx context.Context, options options, stdout, stderr io.Writer) error
}

var commands = map[string]command{
	"serve":   {[]string{"listen", "metrics-listen", "key-ring", "kms-v1", "scheme", "log-level"}, serve},
	"init":    {[]string{"key-ring"}, initRing},
	"rotate":  {[]string{"key-ring", "reinstate"}, rotate},
	"disable": {[]string{"key-ring", "key-id", "old"}, disable},
	"enable":  {[]string{"key-ring", "key-id"}, enable},
	"keys":    {[]string{"key-ring"}, listKeys},
	"version": {nil, printVersion},
}

func parseOptions(name string, arguments []string) (options, error) {
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, name) {
		return options{}, flag.ErrHelp
	}
	command, ok := commands[name]
	if !ok {
		return options{}, usagef("unknown command %q", name)
	}
	var parsed options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // start prints the error and the usage
	defineFlags(flags, &parsed, command.flags)
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return options{}, err
		}
		return options{}, usagef("%s: %w", name, err)
	}
	if flags.NArg() > 0 {
		return options{}, usagef("%s: unexpected %q", name, flags.Arg(0))
	}
	if slices.Contains(command.flags, "key-ring") && parsed.keyRing == "" {
		return options{}, usagef("%s: --key-ring FILE is missing", name)
	}
	return parsed, nil
}

func defineFlags(flags *flag.FlagSet, parsed *options, names []string) {
	for _, name := range names {
		switch name {
		case "listen":
			flags.StringVar(&parsed.listen, name, "", "")
		case "metrics-listen":
			flags.StringVar(&parsed.metricsListen, name, "", "")
		case "key-ring":
			flags.StringVar(&parsed.keyRing, name, "", "")
		case "key-id":
			flags.StringVar(&parsed.keyID, name, "", "")
		case "reinstate":
			flags.StringVar(&parsed.reinstate, name, "", "")
		case "old":
			flags.BoolVar(&parsed.old, name, false, "")
		case "kms-v1":
			flags.BoolVar(&parsed.kmsV1, name, false, "")
		case "scheme":
			flags.StringVar(&parsed.scheme, name, keyservice.Scheme, "")
		case "log-level":
			flags.TextVar(&parsed.logLevel, name, slog.LevelInfo, "")
		}
	}
}
