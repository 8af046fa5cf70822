package keyring

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var someTime = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func TestRotateKeepsOldKeys(t *testing.T) {
	first := New(someTime)
	sealed := mustSeal(t, first.Active(), "secret", "aad")
	second := first.Rotate(someTime)
	if second.Active().ID == first.Active().ID {
		t.Fatalf("the active key is still %s after a rotation", first.Active().ID)
	}
	if len(first.Keys()) != 1 {
		t.Errorf("the rotation changed the ring it started from: %v", first.Keys())
	}
	key, err := second.Key(first.Active().ID)
	if err != nil {
		t.Fatalf("old key: %v", err)
	}
	if got, err := key.Open(sealed, []byte("aad")); err != nil || string(got) != "secret" {
		t.Errorf("old key opens %q, %v; want what it sealed", got, err)
	}
	if got, err := second.Active().Open(sealed, []byte("aad")); !errors.Is(err, ErrNotAuthentic) {
		t.Errorf("the new key opens %q, %v; want ErrNotAuthentic", got, err)
	}
}

// KEP-3299: a KEK sequence A, B, A has to report A's second life under another ID.
func TestReinstatedKeyHasNewID(t *testing.T) {
	ring := New(someTime)
	first := ring.Active()
	ring = ring.Rotate(someTime)
	ring, err := ring.Reinstate(first.ID, someTime)
	if err != nil {
		t.Fatal(err)
	}
	again := ring.Active()
	if again.ID == first.ID {
		t.Fatalf("the reinstated key has its first ID %s again", first.ID)
	}
	if got, err := again.Open(mustSeal(t, first, "secret", ""), nil); err != nil || string(got) != "secret" {
		t.Errorf("the reinstated key opens %q, %v; want what its secret sealed before", got, err)
	}
	if _, err := ring.Reinstate("nobody", someTime); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("reinstating an unknown key: %v, want ErrUnknownKey", err)
	}
}

func TestIDsAreNeverUsedAgain(t *testing.T) {
	seen := map[string]bool{}
	backup := New(someTime)
	for range 20 { // 20 times: restore the same backup, rotate it
		ring := backup
		for range 20 {
			ring = ring.Rotate(someTime)
			if id := ring.Active().ID; seen[id] {
				t.Fatalf("ID %s was handed out twice", id)
			}
			seen[ring.Active().ID] = true
		}
	}
}

func TestDisabledKeyOpensNothing(t *testing.T) {
	ring := New(someTime)
	old := ring.Active().ID
	if _, err := ring.Disable(old); !errors.Is(err, ErrKeyActive) {
		t.Errorf("disabling the active key: %v, want ErrKeyActive", err)
	}
	ring, err := ring.Rotate(someTime).Disable(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Key(old); !errors.Is(err, ErrKeyDisabled) {
		t.Errorf("a disabled key: %v, want ErrKeyDisabled", err)
	}
	ring, err = ring.Enable(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Key(old); err != nil {
		t.Errorf("an enabled key: %v", err)
	}
	if ring.Active().ID == old {
		t.Error("enabling a key made it active")
	}
}

func TestDisableOldLeavesTheActiveKey(t *testing.T) {
	ring := New(someTime).Rotate(someTime).Rotate(someTime).DisableOld()
	for i, key := range ring.Keys() {
		if want := i < 2; key.Disabled != want {
			t.Errorf("key %d of 3: disabled = %t, want %t", i+1, key.Disabled, want)
		}
	}
}

func TestUnknownKey(t *testing.T) {
	ring := New(someTime)
	for _, id := range []string{"", "key-000001", ring.Active().ID + " ", strings.ToUpper(ring.Active().ID)} {
		if _, err := ring.Key(id); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("key %q: %v, want ErrUnknownKey", id, err)
		}
	}
}

func TestOpenRefusesEveryChange(t *testing.T) {
	key := New(someTime).Active()
	sealed := mustSeal(t, key, "a data key of 32 bytes, just so.", "aad")
	for i := range sealed {
		for _, bit := range []byte{0x01, 0x80} {
			changed := append([]byte(nil), sealed...)
			changed[i] ^= bit
			if got, err := key.Open(changed, []byte("aad")); !errors.Is(err, ErrNotAuthentic) {
				t.Fatalf("byte %d changed by %#x: %q, %v", i, bit, got, err)
			}
		}
	}
	for length := range sealed {
		if got, err := key.Open(sealed[:length], []byte("aad")); !errors.Is(err, ErrNotAuthentic) {
			t.Fatalf("cut to %d bytes: %q, %v", length, got, err)
		}
	}
	if got, err := key.Open(sealed, []byte("another")); !errors.Is(err, ErrNotAuthentic) {
		t.Errorf("other additional data: %q, %v", got, err)
	}
}

func TestSealIsRandomised(t *testing.T) {
	key := New(someTime).Active()
	seen := map[string]bool{}
	for range 1000 {
		sealed := mustSeal(t, key, "the same", "aad")
		if want := len("the same") + SealOverheadBytes; len(sealed) != want {
			t.Fatalf("%d bytes, want %d", len(sealed), want)
		}
		if seen[string(sealed[:saltBytes])] {
			t.Fatal("a salt came twice")
		}
		seen[string(sealed[:saltBytes])] = true
	}
}

func TestPrintingAKeyHidesItsSecret(t *testing.T) {
	key := Key{ID: "key-1", secret: []byte("SECRETSECRETSECRETSECRETSECRETSE")}
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%+v", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%v", []Key{key})} {
		if strings.Contains(text, "SECRET") || strings.Contains(text, "83 69 67") {
			t.Errorf("printed: %s", text)
		}
	}
}

func mustSeal(t *testing.T, key Key, plaintext, aad string) []byte {
	t.Helper()
	sealed, err := key.Seal([]byte(plaintext), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}
