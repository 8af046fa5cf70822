// Package server serves a KMS plugin over gRPC: KMS v2, and KMS v1 on request.
//
// It knows the wire contract and nothing of keys; a plugin for another KMS keeps it as it is. It
//
//   - refuses requests that no API server sends (empty or oversized fields) with InvalidArgument, before the service sees
//     them, and never lets a response leave that an API server would throw away;
//   - turns a panic in the service into an Internal error: one bad request must not take the plugin down;
//   - writes one log line per call with the call's uid, and counts calls, without plaintext or ciphertext;
//   - stops within a limit, also while calls hang.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	kmsv1 "k8s.io/kms/apis/v1beta1"
	kmsv2 "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

const (
	// DefaultGrace is how long running calls may take after a stop was asked for. API servers give up after 3 s by default.
	DefaultGrace = 3 * time.Second

	// The largest valid request is a Decrypt with 32 KiB of annotations, 1 KiB of ciphertext and 1 KiB of key ID.
	maxRequestBytes      = 64 << 10
	maxConcurrentStreams = 1000
	handshakeTimeout     = 2 * time.Second // less than the grace time, which a silent client would use up
	stopTimeout          = time.Second
)

// Options are the parts of a server.
type Options struct {
	Service service.Service
	// V1 serves KMS v1 too; nil, the default, leaves it out.
	V1 V1Service
	// RuntimeVersion is what KMS v1 reports, a semantic version.
	RuntimeVersion string
	Logger         *slog.Logger
	Metrics        *Metrics
	// Grace is the time for running calls at the end; 0 means DefaultGrace.
	Grace time.Duration
}

// Server is a gRPC server that is not serving yet.
type Server struct {
	grpc   *grpc.Server
	logger *slog.Logger
	grace  time.Duration
}

// New makes a server.
func New(options Options) *Server {
	observer := observer{logger: options.Logger, metrics: options.Metrics}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.MaxConcurrentStreams(maxConcurrentStreams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.UnaryInterceptor(observer.intercept),
	)
	kmsv2.RegisterKeyManagementServiceServer(server, &v2Server{service: options.Service})
	if options.V1 != nil {
		kmsv1.RegisterKeyManagementServiceServer(server, &v1Server{service: options.V1, runtimeVersion: options.RuntimeVersion})
	}
	grace := options.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	return &Server{grpc: server, logger: options.Logger, grace: grace}
}

// Serve answers calls on listener until ctx ends, and closes it. Then new calls are refused at once, and running ones are
// cancelled after the grace time. It returns nil after such a stop.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), errors.Join(err, listener.Close()))
	case <-ctx.Done():
	}
	s.logger.Info("stopping", "reason", context.Cause(ctx).Error(), "grace_s", s.grace.Seconds())
	s.stop()
	return nil
}

// stop never takes longer than the grace time and stopTimeout: a handler that ignores its context is left behind.
func (s *Server) stop() {
	if returnsWithin(s.grace, s.grpc.GracefulStop) {
		return
	}
	s.logger.Warn("calls still run after the grace time; they are cancelled")
	if !returnsWithin(stopTimeout, s.grpc.Stop) {
		s.logger.Warn("cancelled calls do not end; they are left behind")
	}
}

func returnsWithin(limit time.Duration, act func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		act()
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
