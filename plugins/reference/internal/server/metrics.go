package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
)

const httpTimeout = 5 * time.Second

// Metrics counts calls. No label holds anything of a request.
type Metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	keyUses   *prometheus.CounterVec
}

// NewMetrics makes the metrics of one server, with those of the process and of Go.
func NewMetrics() *Metrics {
	metrics := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kms_plugin_calls_total", Help: "Calls answered, by API version, method and gRPC code.",
		}, []string{"api", "method", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kms_plugin_call_duration_seconds", Help: "Time to answer a call.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 3, 11), // 0.1 ms to 5.9 s
		}, []string{"api", "method"}),
		keyUses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kms_plugin_key_uses_total", Help: "Uses of a key-encryption key: what a remote KMS would bill.",
		}, []string{"operation"}),
	}
	metrics.registry.MustRegister(metrics.calls, metrics.durations, metrics.keyUses,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}

// KeyUsed counts one use of a key; operation is "encrypt" or "decrypt".
func (m *Metrics) KeyUsed(operation string) {
	m.keyUses.WithLabelValues(operation).Inc()
}

func (m *Metrics) observe(api, method string, code codes.Code, duration time.Duration) {
	m.calls.WithLabelValues(api, method, code.String()).Inc()
	m.durations.WithLabelValues(api, method).Observe(duration.Seconds())
}

// Serve answers GET /metrics on listener until ctx ends, and closes it.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener, logger *slog.Logger) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: httpTimeout,
		ReadTimeout:       httpTimeout,
		WriteTimeout:      httpTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // a scrape that is cut off does no harm
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, listener.Close())
	}
	return nil
}
