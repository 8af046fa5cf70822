package server

import (
	"regexp"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The API server's limits. Source: kubernetes/apiserver, pkg/storage/value/encrypt/envelope/kmsv2/envelope.go.
const (
	maxKeyIDBytes       = 1024
	maxCiphertextBytes  = 1024
	maxAnnotationsBytes = 32 << 10
	maxNameBytes        = 253 // RFC 1123 subdomain
	maxUIDBytes         = 128 // an API server sends a UUID, 36 bytes
)

var fullyQualified = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// checkFields returns an error of the given code if a field breaks the contract: InvalidArgument for what came in,
// Internal for what the service made.
func checkFields(code codes.Code, keyID string, ciphertext []byte, annotations map[string][]byte) error {
	if err := checkLength(code, "key_id", len(keyID), maxKeyIDBytes); err != nil {
		return err
	}
	if err := checkLength(code, "ciphertext", len(ciphertext), maxCiphertextBytes); err != nil {
		return err
	}
	total := 0
	for name, value := range annotations {
		if len(name) > maxNameBytes || !fullyQualified.MatchString(name) {
			return status.Errorf(code, "annotation %.64q is no fully qualified domain name", name)
		}
		total += len(name) + len(value)
	}
	if total > maxAnnotationsBytes {
		return status.Errorf(code, "annotations of %d bytes, want at most %d", total, maxAnnotationsBytes)
	}
	return nil
}

func checkLength(code codes.Code, field string, seen, limit int) error {
	if seen == 0 || seen > limit {
		return status.Errorf(code, "%s of %d bytes, want 1 to %d", field, seen, limit)
	}
	return nil
}
