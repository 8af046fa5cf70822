// Package keyservice is the plugin's cryptography: k8s.io/kms's service.Service on a key ring, and the same for KMS v1.
//
// The contract it keeps (KEP-3299, k8s.io/kms/apis/v2/api.proto):
//
//   - Status tells the ID of the key that Encrypt would use, and does no cryptography.
//   - Decrypt opens a ciphertext only with the key ID and the very annotations that Encrypt returned with it: both are
//     bound to the ciphertext as additional data. The uid is for logs and is not bound.
//   - Errors are gRPC errors and hold neither plaintext, secret nor ciphertext.
package keyservice

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/kms/pkg/service"

	"example.com/kms-plugin/internal/keyring"
)

const (
	// SchemeAnnotation names how a ciphertext was made, so that a later version may use another way.
	SchemeAnnotation = "scheme.kms-plugin.example.com"
	// Scheme is the value of SchemeAnnotation for what is written now.
	Scheme = "hkdf-sha256-aes-256-gcm"
	// OldScheme is the one before keys were derived. Both are read; which one is written is an option, so that an upgrade
	// has a way back: first the version that reads the new scheme goes everywhere, then the new scheme is written.
	OldScheme = "aes-256-gcm"

	// MaxCiphertextBytes is the API server's limit for what Encrypt returns.
	// Source: kubernetes/apiserver, kmsv2/envelope.go, encryptedDEKSourceMaxSize.
	MaxCiphertextBytes = 1024
	maxPlaintextBytes  = MaxCiphertextBytes - keyring.SealOverheadBytes

	purposeV2 = "kms-v2"
)

// ErrUnknownScheme says that no version of this plugin writes a scheme.
var ErrUnknownScheme = errors.New("unknown scheme")

// Keys gives the key ring as it is now.
type Keys interface {
	Current() (keyring.Ring, error)
}

// Service implements service.Service and its KMS v1 counterpart.
type Service struct {
	keys      Keys
	onKeyUsed func(operation string)
	scheme    string
}

var _ service.Service = (*Service)(nil)

// New returns a service. It calls onKeyUsed with "encrypt" or "decrypt" each time it uses a key, as a remote KMS would
// write it on the bill.
func New(keys Keys, onKeyUsed func(operation string)) *Service {
	return &Service{keys: keys, onKeyUsed: onKeyUsed, scheme: Scheme}
}

// WithScheme returns the service with another scheme for what KMS v2's Encrypt writes: Scheme or OldScheme.
func (s *Service) WithScheme(scheme string) (*Service, error) {
	if scheme != Scheme && scheme != OldScheme {
		return nil, fmt.Errorf("%w: %.64q, want %s or %s", ErrUnknownScheme, scheme, Scheme, OldScheme)
	}
	changed := *s
	changed.scheme = scheme
	return &changed, nil
}

// Status reports the active key. An unusable key ring is a gRPC error, not a healthz text: while healthz answers anything,
// API servers prolong the life of their last data key (kubernetes/kubernetes#138950).
func (s *Service) Status(ctx context.Context) (*service.StatusResponse, error) {
	ring, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: ring.Active().ID}, nil
}

// Encrypt seals data with the active key.
func (s *Service) Encrypt(ctx context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
	if err := checkPlaintext(data, maxPlaintextBytes); err != nil {
		return nil, err
	}
	ring, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	key := ring.Active()
	annotations := map[string][]byte{SchemeAnnotation: []byte(s.scheme)}
	ciphertext, err := s.seal(key, s.scheme, data, additionalData(purposeV2, key.ID, annotations))
	if err != nil {
		return nil, err
	}
	return &service.EncryptResponse{Ciphertext: ciphertext, KeyID: key.ID, Annotations: annotations}, nil
}

// Decrypt opens what Encrypt returned.
func (s *Service) Decrypt(ctx context.Context, _ string, request *service.DecryptRequest) ([]byte, error) {
	scheme := string(request.Annotations[SchemeAnnotation])
	if scheme != Scheme && scheme != OldScheme {
		return nil, status.Errorf(codes.InvalidArgument, "annotation %s is %.64q, want %q or %q",
			SchemeAnnotation, scheme, Scheme, OldScheme)
	}
	ring, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.open(ring, request.KeyID, scheme, request.Ciphertext, additionalData(purposeV2, request.KeyID, request.Annotations))
}

func (s *Service) current(ctx context.Context) (keyring.Ring, error) {
	if err := ctx.Err(); err != nil {
		return keyring.Ring{}, status.FromContextError(err).Err()
	}
	ring, err := s.keys.Current()
	if err != nil {
		return keyring.Ring{}, status.Errorf(codes.Unavailable, "the key ring cannot be used: %v", err)
	}
	return ring, nil
}

func (s *Service) seal(key keyring.Key, scheme string, plaintext, additional []byte) ([]byte, error) {
	s.onKeyUsed("encrypt")
	seal := key.Seal
	if scheme == OldScheme {
		seal = key.SealDirect
	}
	sealed, err := seal(plaintext, additional)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "encrypt with key %q: %v", key.ID, err)
	}
	return sealed, nil
}

func (s *Service) open(ring keyring.Ring, keyID, scheme string, sealed, additional []byte) ([]byte, error) {
	key, err := ring.Key(keyID)
	switch {
	case errors.Is(err, keyring.ErrUnknownKey):
		return nil, status.Errorf(codes.NotFound, "key %.128q: %v", keyID, err)
	case err != nil:
		return nil, status.Errorf(codes.FailedPrecondition, "key %.128q: %v", keyID, err)
	}
	s.onKeyUsed("decrypt")
	open := key.Open
	if scheme == OldScheme {
		open = key.OpenDirect
	}
	plaintext, err := open(sealed, additional)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "key %q: %v", keyID, err)
	}
	return plaintext, nil
}

func checkPlaintext(data []byte, limit int) error {
	if len(data) == 0 || len(data) > limit {
		return status.Errorf(codes.InvalidArgument, "plaintext of %d bytes, want 1 to %d", len(data), limit)
	}
	return nil
}

// additionalData joins what a ciphertext is bound to. Each part goes after its length, so that no two lists of parts
// give the same bytes.
func additionalData(purpose, keyID string, annotations map[string][]byte) []byte {
	joined := appendPart(nil, []byte(purpose))
	joined = appendPart(joined, []byte(keyID))
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		joined = appendPart(joined, []byte(name))
		joined = appendPart(joined, annotations[name])
	}
	return joined
}

func appendPart(joined, part []byte) []byte {
	joined = binary.AppendUvarint(joined, uint64(len(part)))
	return append(joined, part...)
}
