package server

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	kmsv1 "k8s.io/kms/apis/v1beta1"
	kmsv2 "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

func TestCallsReachTheServiceAndTheLog(t *testing.T) {
	server := serve(t, Options{Service: backwards()})
	state, err := server.Status(t.Context(), &kmsv2.StatusRequest{})
	if err != nil || state.GetVersion() != "v2" || state.GetHealthz() != "ok" || state.GetKeyId() != "key-1" {
		t.Fatalf("Status: %v, %v", state, err)
	}
	sealed, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte("canary"), Uid: "uid-1"})
	if err != nil || string(sealed.GetCiphertext()) != "CANARY" {
		t.Fatalf("Encrypt: %v, %v", sealed, err)
	}
	opened, err := server.Decrypt(t.Context(), &kmsv2.DecryptRequest{Ciphertext: []byte("CANARY"), Uid: "uid-2", KeyId: "key-2"})
	if err != nil || string(opened.GetPlaintext()) != "canary" {
		t.Fatalf("Decrypt: %v, %v", opened, err)
	}
	lines := callLines(t, server.log)
	want := [][4]string{{"Status", "", "key-1", "OK"}, {"Encrypt", "uid-1", "key-1", "OK"}, {"Decrypt", "uid-2", "key-2", "OK"}}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d: %s", len(lines), len(want), server.log)
	}
	for i, line := range lines {
		if got := [4]string{line.Method, line.UID, line.KeyID, line.Code}; got != want[i] {
			t.Errorf("line %d: %v, want %v", i+1, got, want[i])
		}
		if line.Time.IsZero() || line.Level != "INFO" || line.API != "v2" || line.DurationMS == nil {
			t.Errorf("line %d lacks something: %+v", i+1, line)
		}
	}
	if strings.Contains(strings.ToLower(server.log.String()), "canary") {
		t.Errorf("the log holds the plaintext or the ciphertext: %s", server.log)
	}
	if got := testutil.ToFloat64(server.metrics.calls.WithLabelValues("v2", "Encrypt", "OK")); got != 1 {
		t.Errorf("%v Encrypt calls counted, want 1", got)
	}
}

func TestBadRequestsNeverReachTheService(t *testing.T) {
	server := serve(t, Options{Service: &double{}}) // a call of the service would be a nil call
	long := func(size int) []byte { return make([]byte, size) }
	good := func() *kmsv2.DecryptRequest {
		return &kmsv2.DecryptRequest{Ciphertext: []byte("x"), KeyId: "key-1", Uid: "uid"}
	}
	cases := map[string]func(*kmsv2.DecryptRequest){
		"nil ciphertext":   func(r *kmsv2.DecryptRequest) { r.Ciphertext = nil },
		"empty ciphertext": func(r *kmsv2.DecryptRequest) { r.Ciphertext = []byte{} },
		"long ciphertext":  func(r *kmsv2.DecryptRequest) { r.Ciphertext = long(maxCiphertextBytes + 1) },
		"no key ID":        func(r *kmsv2.DecryptRequest) { r.KeyId = "" },
		"long key ID":      func(r *kmsv2.DecryptRequest) { r.KeyId = string(bytes.Repeat([]byte("k"), maxKeyIDBytes+1)) },
		"long uid":         func(r *kmsv2.DecryptRequest) { r.Uid = string(bytes.Repeat([]byte("u"), maxUIDBytes+1)) },
		"name no FQDN":     func(r *kmsv2.DecryptRequest) { r.Annotations = map[string][]byte{"simple": nil} },
		"upper-case name":  func(r *kmsv2.DecryptRequest) { r.Annotations = map[string][]byte{"A.example.com": nil} },
		"long annotations": func(r *kmsv2.DecryptRequest) {
			r.Annotations = map[string][]byte{"a.example.com": long(maxAnnotationsBytes)}
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			request := good()
			spoil(request)
			_, err := server.Decrypt(t.Context(), request)
			checkCode(t, err, codes.InvalidArgument)
		})
	}
	_, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Uid: "uid"})
	checkCode(t, err, codes.InvalidArgument)
	_, err = server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Uid: "uid", Plaintext: long(4 << 20)})
	checkCode(t, err, codes.ResourceExhausted)
}

func TestBadResponsesNeverLeave(t *testing.T) {
	broken := backwards()
	server := serve(t, Options{Service: broken})
	responses := map[string]service.EncryptResponse{
		"no key ID":       {Ciphertext: []byte("x")},
		"no ciphertext":   {KeyID: "key-1"},
		"long ciphertext": {KeyID: "key-1", Ciphertext: make([]byte, maxCiphertextBytes+1)},
		"bad annotation":  {KeyID: "key-1", Ciphertext: []byte("x"), Annotations: map[string][]byte{"simple": nil}},
	}
	for name, response := range responses {
		t.Run(name, func(t *testing.T) {
			broken.encrypt = func(context.Context, string, []byte) (*service.EncryptResponse, error) { return &response, nil }
			_, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte("x"), Uid: "uid"})
			checkCode(t, err, codes.Internal)
		})
	}
	broken.status = func(context.Context) (*service.StatusResponse, error) { return &service.StatusResponse{}, nil }
	_, err := server.Status(t.Context(), &kmsv2.StatusRequest{})
	checkCode(t, err, codes.Internal)
}

func TestPanicIsAnError(t *testing.T) {
	broken := backwards()
	broken.encrypt = func(_ context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
		panic("canary " + string(data))
	}
	server := serve(t, Options{Service: broken})
	_, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte("x"), Uid: "uid"})
	checkCode(t, err, codes.Internal)
	if _, err := server.Status(t.Context(), &kmsv2.StatusRequest{}); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if text := server.log.String(); !strings.Contains(text, "panic in a call") || !strings.Contains(text, "server_test.go") || strings.Contains(text, "canary") {
		t.Errorf("want the place in the log, and not the panic's value: %s", text)
	}
}

func TestConcurrentCallsDoNotMix(t *testing.T) {
	server := serve(t, Options{Service: backwards()})
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			word := strings.Repeat(string(rune('a'+i%26)), i+1)
			sealed, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte(word), Uid: word})
			if err != nil {
				t.Error(err)
				return
			}
			if got := string(sealed.GetCiphertext()); got != strings.ToUpper(word) {
				t.Errorf("%q, want %q", got, strings.ToUpper(word))
			}
		})
	}
	group.Wait()
	if got := len(callLines(t, server.log)); got != 100 {
		t.Errorf("%d log lines, want 100", got)
	}
}

func TestV1OnlyOnRequest(t *testing.T) {
	server := serve(t, Options{Service: backwards()})
	_, err := kmsv1.NewKeyManagementServiceClient(server.connection).Version(t.Context(), &kmsv1.VersionRequest{Version: "v1beta1"})
	checkCode(t, err, codes.Unimplemented)

	server = serve(t, Options{Service: backwards(), V1: v1Double{}, RuntimeVersion: "v1.2.3"})
	client := kmsv1.NewKeyManagementServiceClient(server.connection)
	version, err := client.Version(t.Context(), &kmsv1.VersionRequest{Version: "v1beta1"})
	if err != nil || version.GetVersion() != "v1beta1" || version.GetRuntimeVersion() != "v1.2.3" || version.GetRuntimeName() == "" {
		t.Errorf("Version: %v, %v", version, err)
	}
	sealed, err := client.Encrypt(t.Context(), &kmsv1.EncryptRequest{Version: "v1beta1", Plain: []byte("x")})
	if err != nil || string(sealed.GetCipher()) != "X" {
		t.Errorf("Encrypt: %v, %v", sealed, err)
	}
	opened, err := client.Decrypt(t.Context(), &kmsv1.DecryptRequest{Version: "v1beta1", Cipher: []byte("X")})
	if err != nil || string(opened.GetPlain()) != "x" {
		t.Errorf("Decrypt: %v, %v", opened, err)
	}
	for _, line := range callLines(t, server.log)[1:] {
		if line.API != "v1beta1" || line.KeyID != "key-1" {
			t.Errorf("log line: %+v", line)
		}
	}
	_, err = client.Version(t.Context(), &kmsv1.VersionRequest{Version: "v9"})
	checkCode(t, err, codes.InvalidArgument)
	if _, err := server.Status(t.Context(), &kmsv2.StatusRequest{}); err != nil {
		t.Errorf("KMS v2 beside KMS v1: %v", err)
	}
}

type v1Double struct{}

func (v1Double) EncryptV1(_ context.Context, data []byte) (string, []byte, error) {
	return "key-1", bytes.ToUpper(data), nil
}

func (v1Double) DecryptV1(_ context.Context, ciphertext []byte) (string, []byte, error) {
	return "key-1", bytes.ToLower(ciphertext), nil
}
