package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	fileFormat    = "kms-plugin-key-ring/1"
	maxKeyIDBytes = 1024 // kubernetes/apiserver kmsv2/envelope.go: KeyIDMaxSize
)

// ErrMalformed says that a key ring file is not one of this program.
var ErrMalformed = errors.New("malformed key ring")

type fileDocument struct {
	Format     string    `json:"format"`
	NextNumber uint64    `json:"next_number"`
	Keys       []fileKey `json:"keys"` // oldest first; the last one is active
}

type fileKey struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	Secret   []byte    `json:"secret"` // base64
}

func encode(ring Ring) ([]byte, error) {
	document := fileDocument{Format: fileFormat, NextNumber: ring.next}
	for _, key := range ring.keys {
		document.Keys = append(document.Keys, fileKey{key.ID, key.Created, key.Disabled, key.secret})
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the key ring: %w", err)
	}
	return append(text, '\n'), nil
}

// decode reads a ring. Its errors never quote the text: it holds secrets.
func decode(text []byte) (Ring, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var document fileDocument
	if err := decoder.Decode(&document); err != nil {
		return Ring{}, fmt.Errorf("%w: not the JSON of a key ring, after %d of %d bytes", ErrMalformed, decoder.InputOffset(), len(text))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Ring{}, fmt.Errorf("%w: something follows the JSON object at byte %d", ErrMalformed, decoder.InputOffset())
	}
	if document.Format != fileFormat {
		return Ring{}, fmt.Errorf("%w: format %.64q, want %q", ErrMalformed, document.Format, fileFormat)
	}
	return document.ring()
}

func (d fileDocument) ring() (Ring, error) {
	if len(d.Keys) == 0 || d.NextNumber <= uint64(len(d.Keys)) {
		return Ring{}, fmt.Errorf("%w: %d keys and next number %d; want a key at least, and a number above their count",
			ErrMalformed, len(d.Keys), d.NextNumber)
	}
	ring := Ring{next: d.NextNumber}
	for i, key := range d.Keys {
		if err := key.check(ring); err != nil {
			return Ring{}, fmt.Errorf("%w: key %d of %d: %w", ErrMalformed, i+1, len(d.Keys), err)
		}
		ring.keys = append(ring.keys, Key{ID: key.ID, Created: key.Created, Disabled: key.Disabled, secret: key.Secret})
	}
	if ring.Active().Disabled {
		return Ring{}, fmt.Errorf("%w: the last key, which is the active one, is disabled", ErrMalformed)
	}
	return ring, nil
}

func (k fileKey) check(earlier Ring) error {
	if len(k.ID) == 0 || len(k.ID) > maxKeyIDBytes {
		return fmt.Errorf("id of %d bytes, want 1 to %d", len(k.ID), maxKeyIDBytes)
	}
	for _, char := range []byte(k.ID) {
		if char <= ' ' || char > '~' {
			return errors.New("id with another character than visible ASCII")
		}
	}
	if _, err := earlier.index(k.ID); err == nil {
		return fmt.Errorf("id %q is there twice", k.ID)
	}
	if len(k.Secret) != secretBytes {
		return fmt.Errorf("secret of %d bytes, want %d", len(k.Secret), secretBytes)
	}
	return nil
}
