package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	kmsv2 "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

// double is a service whose methods a test replaces.
type double struct {
	status  func(ctx context.Context) (*service.StatusResponse, error)
	encrypt func(ctx context.Context, uid string, data []byte) (*service.EncryptResponse, error)
	decrypt func(ctx context.Context, uid string, request *service.DecryptRequest) ([]byte, error)
}

func (d *double) Status(ctx context.Context) (*service.StatusResponse, error) { return d.status(ctx) }

func (d *double) Encrypt(ctx context.Context, uid string, data []byte) (*service.EncryptResponse, error) {
	return d.encrypt(ctx, uid, data)
}

func (d *double) Decrypt(ctx context.Context, uid string, request *service.DecryptRequest) ([]byte, error) {
	return d.decrypt(ctx, uid, request)
}

// logBuffer is written by the server's goroutines and read by the test.
type logBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *logBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(text)
}

func (b *logBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// running is a server on a socket of its own.
type running struct {
	kmsv2.KeyManagementServiceClient
	connection *grpc.ClientConn
	metrics    *Metrics
	log        *logBuffer
	stop       context.CancelFunc
	stopped    chan error
}

func serve(t *testing.T, options Options) *running {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "kms-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	listener, err := net.Listen("unix", folder+"/kms.sock")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient("unix://"+folder+"/kms.sock", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	started := &running{
		KeyManagementServiceClient: kmsv2.NewKeyManagementServiceClient(connection),
		connection:                 connection, metrics: NewMetrics(), log: &logBuffer{}, stop: stop, stopped: make(chan error, 1),
	}
	options.Logger, options.Metrics = slog.New(slog.NewJSONHandler(started.log, nil)), started.metrics
	go func() { started.stopped <- New(options).Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); _ = connection.Close() })
	return started
}

// backwards is a service that works: its ciphertext is the plaintext in upper case.
func backwards() *double {
	return &double{
		status: func(context.Context) (*service.StatusResponse, error) {
			return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: "key-1"}, nil
		},
		encrypt: func(_ context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
			return &service.EncryptResponse{Ciphertext: bytes.ToUpper(data), KeyID: "key-1"}, nil
		},
		decrypt: func(_ context.Context, _ string, request *service.DecryptRequest) ([]byte, error) {
			return bytes.ToLower(request.Ciphertext), nil
		},
	}
}

type callLine struct {
	Time       time.Time `json:"time"`
	Level      string    `json:"level"`
	Message    string    `json:"msg"`
	API        string    `json:"api"`
	Method     string    `json:"method"`
	UID        string    `json:"uid"`
	KeyID      string    `json:"key_id"`
	Code       string    `json:"code"`
	DurationMS *float64  `json:"duration_ms"`
}

func callLines(t *testing.T, log *logBuffer) []callLine {
	t.Helper()
	var lines []callLine
	for text := range strings.Lines(log.String()) {
		var line callLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("log line %q: %v", text, err)
		}
		if line.Message == "call" {
			lines = append(lines, line)
		}
	}
	return lines
}

func checkCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code %s (%v), want %s", got, err, want)
	}
}
