// Package keyring holds the key-encryption keys (KEKs) of the plugin: a ring of AES-256 keys in one file.
//
// What the ring promises:
//
//   - Exactly one key is active; it seals. Every other key stays in the ring and still opens what it sealed.
//   - A key ID is never used twice: it holds the ring's counter and 64 random bits, so that even a ring that was
//     restored from an older backup cannot hand out an ID again. A key that is reinstated gets a new ID
//     (KEP-3299: after A, B, A the third ID differs from the first).
//   - A disabled key opens nothing. The active key cannot be disabled.
//   - Secrets never leave this package: a Key seals and opens, and prints as its ID.
//   - The file is replaced as a whole, or not at all; writers exclude each other by a lock.
//
// A plugin for a remote KMS replaces this package.
package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrUnknownKey says that the ring has no key of the wanted ID.
	ErrUnknownKey = errors.New("no such key in the key ring")
	// ErrKeyDisabled says that the wanted key is in the ring, but must not be used.
	ErrKeyDisabled = errors.New("the key is disabled")
	// ErrKeyActive says that the active key cannot be disabled.
	ErrKeyActive = errors.New("the key is the active one; rotate first")
)

// Ring is the content of a key ring. It never changes: each change returns a new ring.
type Ring struct {
	next uint64 // number of the next key; only grows
	keys []Key  // oldest first; the last one is active
}

// New returns a ring with one new key.
func New(now time.Time) Ring {
	return Ring{next: 1}.add(newSecret(), now)
}

// Rotate returns a ring with one more key, which is the active one.
func (r Ring) Rotate(now time.Time) Ring {
	return r.add(newSecret(), now)
}

// Reinstate returns a ring in which the secret of key id is active again, under a new ID.
func (r Ring) Reinstate(id string, now time.Time) (Ring, error) {
	index, err := r.index(id)
	if err != nil {
		return Ring{}, fmt.Errorf("key %q: %w", id, err)
	}
	return r.add(r.keys[index].secret, now), nil
}

// Disable returns a ring in which key id opens nothing.
func (r Ring) Disable(id string) (Ring, error) {
	if id == r.Active().ID {
		return Ring{}, fmt.Errorf("key %q: %w", id, ErrKeyActive)
	}
	return r.setDisabled(id, true)
}

// Enable returns a ring in which key id opens again what it sealed. It does not become the active key.
func (r Ring) Enable(id string) (Ring, error) {
	return r.setDisabled(id, false)
}

// DisableOld returns a ring in which only the active key opens.
func (r Ring) DisableOld() Ring {
	r.keys = slices.Clone(r.keys)
	for i := range len(r.keys) - 1 {
		r.keys[i].Disabled = true
	}
	return r
}

// Active returns the key that seals.
func (r Ring) Active() Key {
	return r.keys[len(r.keys)-1]
}

// Key returns the key of an ID for opening. The error is ErrUnknownKey or ErrKeyDisabled.
func (r Ring) Key(id string) (Key, error) {
	index, err := r.index(id)
	if err != nil {
		return Key{}, err
	}
	if r.keys[index].Disabled {
		return Key{}, ErrKeyDisabled
	}
	return r.keys[index], nil
}

// Keys returns all keys, oldest first.
func (r Ring) Keys() []Key {
	return slices.Clone(r.keys)
}

func (r Ring) add(secret []byte, now time.Time) Ring {
	key := Key{ID: newID(r.next), Created: now.UTC().Truncate(time.Second), secret: secret}
	return Ring{next: r.next + 1, keys: append(slices.Clone(r.keys), key)}
}

func (r Ring) setDisabled(id string, disabled bool) (Ring, error) {
	index, err := r.index(id)
	if err != nil {
		return Ring{}, fmt.Errorf("key %q: %w", id, err)
	}
	r.keys = slices.Clone(r.keys)
	r.keys[index].Disabled = disabled
	return r, nil
}

func (r Ring) index(id string) (int, error) {
	index := slices.IndexFunc(r.keys, func(key Key) bool { return key.ID == id })
	if index < 0 {
		return 0, ErrUnknownKey
	}
	return index, nil
}

func newSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return secret
}

func newID(number uint64) string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // see newSecret
	return fmt.Sprintf("key-%06d-%s", number, hex.EncodeToString(random))
}
