package keyservice

import (
	"context"
	"encoding/binary"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	purposeV1 = "kms-v1"

	// KMS v1 has no field for the key ID: its ciphertext begins with this byte, the ID's length (2 bytes, big-endian) and
	// the ID.
	formatV1          byte = 1
	headerV1Bytes          = 3
	maxPlaintextV1         = 4096
	maxCiphertextV1        = 8192
	notOursV1              = "not a KMS v1 ciphertext of this plugin"
	shorterThanHeader      = notOursV1 + ": %d bytes, which is less than its header"
)

// EncryptV1 seals data with the active key, for KMS v1.
func (s *Service) EncryptV1(ctx context.Context, data []byte) (keyID string, ciphertext []byte, err error) {
	if err := checkPlaintext(data, maxPlaintextV1); err != nil {
		return "", nil, err
	}
	ring, err := s.current(ctx)
	if err != nil {
		return "", nil, err
	}
	key := ring.Active()
	sealed, err := s.seal(key, Scheme, data, additionalData(purposeV1, key.ID, nil))
	if err != nil {
		return "", nil, err
	}
	header := binary.BigEndian.AppendUint16([]byte{formatV1}, uint16(len(key.ID))) // IDs have 1024 bytes at most
	return key.ID, append(append(header, key.ID...), sealed...), nil
}

// DecryptV1 opens what EncryptV1 returned.
func (s *Service) DecryptV1(ctx context.Context, ciphertext []byte) (keyID string, plaintext []byte, err error) {
	keyID, sealed, err := splitV1(ciphertext)
	if err != nil {
		return "", nil, err
	}
	ring, err := s.current(ctx)
	if err != nil {
		return keyID, nil, err
	}
	plaintext, err = s.open(ring, keyID, Scheme, sealed, additionalData(purposeV1, keyID, nil))
	return keyID, plaintext, err
}

func splitV1(ciphertext []byte) (keyID string, sealed []byte, err error) {
	if len(ciphertext) > maxCiphertextV1 {
		return "", nil, status.Errorf(codes.InvalidArgument, "ciphertext of %d bytes, want at most %d", len(ciphertext), maxCiphertextV1)
	}
	if len(ciphertext) < headerV1Bytes {
		return "", nil, status.Errorf(codes.InvalidArgument, shorterThanHeader, len(ciphertext))
	}
	if ciphertext[0] != formatV1 {
		return "", nil, status.Error(codes.InvalidArgument, notOursV1)
	}
	end := headerV1Bytes + int(binary.BigEndian.Uint16(ciphertext[1:headerV1Bytes]))
	if end > len(ciphertext) {
		return "", nil, status.Errorf(codes.InvalidArgument, shorterThanHeader, len(ciphertext))
	}
	return string(ciphertext[headerV1Bytes:end]), ciphertext[end:], nil
}
