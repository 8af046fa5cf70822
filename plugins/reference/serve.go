package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"example.com/kms-plugin/internal/keyring"
	"example.com/kms-plugin/internal/keyservice"
	"example.com/kms-plugin/internal/server"
	"example.com/kms-plugin/internal/socket"
)

// serve runs until a signal. Everything that can be wrong with the command line or the files is found before the socket
// exists.
func serve(ctx context.Context, options options, _, stderr io.Writer) error {
	if err := checkAddresses(options); err != nil {
		return err
	}
	if err := refuseCoreDumps(); err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: options.logLevel}))
	store, err := openOrCreate(ctx, options.keyRing, logger)
	if err != nil {
		return err
	}
	metrics := server.NewMetrics()
	keys, err := keyservice.New(store, metrics.KeyUsed).WithScheme(options.scheme)
	if err != nil {
		return usagef("serve: --scheme: %w", err)
	}
	parts := server.Options{Service: keys, RuntimeVersion: version, Logger: logger, Metrics: metrics}
	if options.kmsV1 {
		parts.V1 = keys
	}
	return serveAll(ctx, options, server.New(parts), metrics, logger)
}

// serveAll serves calls and metrics, and ends both when one fails.
func serveAll(ctx context.Context, options options, calls *server.Server, metrics *server.Metrics, logger *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var metricsErr error
	var group sync.WaitGroup
	if options.metricsListen != "" {
		listener, err := listenMetrics(options.metricsListen)
		if err != nil {
			return err
		}
		logger.Info("metrics", "address", listener.Addr().String())
		group.Go(func() {
			metricsErr = metrics.Serve(ctx, listener, logger)
			cancel(metricsErr)
		})
	}
	listener, err := socket.Listen(options.listen)
	if err == nil {
		logger.Info("serving", "address", listener.Addr().String(), "kms_v1", options.kmsV1, "version", version)
		err = calls.Serve(ctx, listener)
		logger.Info("stopped")
	}
	cancel(err)
	group.Wait()
	return errors.Join(err, metricsErr)
}

func openOrCreate(ctx context.Context, path string, logger *slog.Logger) (*keyring.Store, error) {
	store, err := keyring.Open(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return store, err
	}
	ring, err := keyring.Create(ctx, path)
	if err == nil {
		logger.Warn("there was no key ring: made a new one", "path", path, "key_id", ring.Active().ID)
	} else if !errors.Is(err, fs.ErrExist) { // another instance may have been faster: then its ring is the one
		return nil, err
	}
	return keyring.Open(path)
}

// checkAddresses comes first: a mistyped command line must not make a key ring.
func checkAddresses(options options) error {
	if options.listen == "" {
		return usagef("serve: --listen unix:///path is missing")
	}
	if err := socket.Check(options.listen); err != nil {
		return usagef("serve: --listen: %w", err)
	}
	if options.metricsListen == "" {
		return nil
	}
	if strings.HasPrefix(options.metricsListen, "unix:") {
		if err := socket.Check(options.metricsListen); err != nil {
			return usagef("serve: --metrics-listen: %w", err)
		}
		return nil
	}
	// Metrics have neither TLS nor a password: they stay on this machine.
	parsed, err := netip.ParseAddrPort(options.metricsListen)
	if err != nil || !parsed.Addr().IsLoopback() {
		return usagef("serve: --metrics-listen %q, want unix:///path or 127.0.0.1:PORT", options.metricsListen)
	}
	return nil
}

func listenMetrics(address string) (net.Listener, error) {
	if strings.HasPrefix(address, "unix:") {
		return socket.Listen(address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return listener, nil
}

// refuseCoreDumps keeps secrets out of core files.
func refuseCoreDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	return nil
}
