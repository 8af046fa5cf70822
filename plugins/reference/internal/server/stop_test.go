package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
	kmsv2 "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

// hangLimit is far above any time that a test waits for; it ends a test that would hang.
const hangLimit = 20 * time.Second

// hanging is a service whose Encrypt tells that it runs, and then waits for wait.
func hanging(wait func(ctx context.Context)) (*double, chan struct{}) {
	entered := make(chan struct{})
	hung := backwards()
	hung.encrypt = func(ctx context.Context, _ string, _ []byte) (*service.EncryptResponse, error) {
		close(entered)
		wait(ctx)
		return &service.EncryptResponse{Ciphertext: []byte("x"), KeyID: "key-1"}, nil
	}
	return hung, entered
}

// callEncrypt calls in the background and returns the call's result later.
func callEncrypt(t *testing.T, server *running) chan error {
	result := make(chan error, 1)
	go func() {
		_, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte("x"), Uid: "uid"})
		result <- err
	}()
	return result
}

func TestStopWaitsForARunningCall(t *testing.T) {
	release := make(chan struct{})
	hung, entered := hanging(func(context.Context) { <-release })
	server := serve(t, Options{Service: hung, Grace: hangLimit})
	result := callEncrypt(t, server)
	receive(t, entered)
	server.stop()
	close(release)
	if err := receive(t, result); err != nil {
		t.Errorf("the running call: %v, want an answer", err)
	}
	if err := receive(t, server.stopped); err != nil {
		t.Errorf("Serve: %v, want nil after a stop", err)
	}
}

func TestStopCancelsAHangingCall(t *testing.T) {
	hung, entered := hanging(func(ctx context.Context) { <-ctx.Done() })
	server := serve(t, Options{Service: hung, Grace: 10 * time.Millisecond})
	result := callEncrypt(t, server)
	receive(t, entered)
	server.stop()
	checkCode(t, receive(t, result), codes.Unavailable)
	if err := receive(t, server.stopped); err != nil {
		t.Errorf("Serve: %v, want nil after a stop", err)
	}
	if !strings.Contains(server.log.String(), "calls still run") {
		t.Errorf("the log does not tell about the cancelled call: %s", server.log)
	}
}

func TestStopLeavesADeafCallBehind(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	hung, entered := hanging(func(context.Context) { <-release })
	server := serve(t, Options{Service: hung, Grace: 10 * time.Millisecond})
	callEncrypt(t, server)
	receive(t, entered)
	server.stop()
	if err := receive(t, server.stopped); err != nil {
		t.Errorf("Serve: %v, want nil after a stop", err)
	}
}

func TestDeadlineOfACallReachesTheService(t *testing.T) {
	hung, _ := hanging(func(ctx context.Context) { <-ctx.Done() })
	server := serve(t, Options{Service: hung})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := server.Encrypt(ctx, &kmsv2.EncryptRequest{Plaintext: []byte("x"), Uid: "uid"})
	checkCode(t, err, codes.DeadlineExceeded)
	if _, err := server.Status(t.Context(), &kmsv2.StatusRequest{}); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestMetricsShowCallsAndProcess(t *testing.T) {
	server := serve(t, Options{Service: backwards()})
	if _, err := server.Status(t.Context(), &kmsv2.StatusRequest{}); err != nil {
		t.Fatal(err)
	}
	server.metrics.KeyUsed("decrypt")
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(server.metrics.registry, promhttp.HandlerOpts{}).
		ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`kms_plugin_calls_total{api="v2",code="OK",method="Status"} 1`,
		`kms_plugin_call_duration_seconds_count{api="v2",method="Status"} 1`,
		`kms_plugin_key_uses_total{operation="decrypt"} 1`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	var value T
	select {
	case value = <-from:
	case <-time.After(hangLimit):
		t.Fatalf("nothing after %s", hangLimit)
	}
	return value
}
