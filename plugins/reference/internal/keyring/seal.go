package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// SealOverheadBytes is how much longer a sealed text is than its plaintext: salt, nonce and tag.
	SealOverheadBytes = saltBytes + 12 + 16

	secretBytes = 32
	saltBytes   = 32
	deriveInfo  = "kms-plugin key ring: one AES-256-GCM key per call, version 1"
)

// ErrNotAuthentic says that a sealed text, its additional data or its key is not the one of the Seal call.
var ErrNotAuthentic = errors.New("the ciphertext does not authenticate: it, its key ID or its annotations were altered")

// Key is one key-encryption key.
//
// Each call seals with a key of its own, derived by HKDF-SHA256 from the secret and 32 random bytes. AES-GCM with random
// nonces allows 2^32 calls per key (NIST SP 800-38D, 8.3); with a key per call that limit is out of reach, also when
// thousands of API servers, or KMS v1, share the ring.
type Key struct {
	ID       string
	Created  time.Time
	Disabled bool

	secret []byte
}

// String returns the ID, so that printing a key never shows its secret.
func (k Key) String() string { return k.ID }

// GoString is String for %#v.
func (k Key) GoString() string { return k.ID }

// Seal encrypts plaintext and binds it to additionalData. The result is salt, nonce, ciphertext and tag, in this order.
func (k Key) Seal(plaintext, additionalData []byte) ([]byte, error) {
	salt := make([]byte, saltBytes, len(plaintext)+SealOverheadBytes)
	_, _ = rand.Read(salt) // see newSecret
	aead, err := k.derive(salt)
	if err != nil {
		return nil, err
	}
	return aead.Seal(salt, nil, plaintext, additionalData), nil
}

// Open decrypts what Seal returned. The error is ErrNotAuthentic if anything differs from the Seal call.
func (k Key) Open(sealed, additionalData []byte) ([]byte, error) {
	if len(sealed) < SealOverheadBytes {
		return nil, ErrNotAuthentic
	}
	aead, err := k.derive(sealed[:saltBytes])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nil, sealed[saltBytes:], additionalData)
	if err != nil {
		return nil, ErrNotAuthentic
	}
	return plaintext, nil
}

// SealDirect encrypts as Seal, by the key itself: the scheme from before keys were derived. Its 2^32 calls per key are
// counted by nobody, so it is for going back to a version that knows no other.
func (k Key) SealDirect(plaintext, additionalData []byte) ([]byte, error) {
	aead, err := newAEAD(k.secret)
	if err != nil {
		return nil, fmt.Errorf("use key %s: %w", k.ID, err)
	}
	return aead.Seal(nil, nil, plaintext, additionalData), nil
}

// OpenDirect decrypts what SealDirect returned. The error is ErrNotAuthentic if anything differs from that call.
func (k Key) OpenDirect(sealed, additionalData []byte) ([]byte, error) {
	aead, err := newAEAD(k.secret)
	if err != nil {
		return nil, fmt.Errorf("use key %s: %w", k.ID, err)
	}
	plaintext, err := aead.Open(nil, nil, sealed, additionalData)
	if err != nil {
		return nil, ErrNotAuthentic
	}
	return plaintext, nil
}

func (k Key) derive(salt []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, k.secret, slices.Clone(salt), deriveInfo, secretBytes)
	if err != nil {
		return nil, fmt.Errorf("derive a key from %s: %w", k.ID, err)
	}
	return newAEAD(derived)
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
