package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRingSurvivesTheFile(t *testing.T) {
	path := ringFile(t)
	changed, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring.Rotate(someTime).DisableOld(), nil })
	if err != nil {
		t.Fatal(err)
	}
	read := current(t, path)
	if got, want := read.Active().ID, changed.Active().ID; got != want {
		t.Errorf("active key %s, want %s", got, want)
	}
	if _, err := read.Key(changed.Keys()[0].ID); !errors.Is(err, ErrKeyDisabled) {
		t.Errorf("first key: %v, want ErrKeyDisabled", err)
	}
	sealed := mustSeal(t, changed.Active(), "secret", "")
	if got, err := read.Active().Open(sealed, nil); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestFileIsPrivateUnderAnyUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := ringFile(t)
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(name), got)
		}
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	path := ringFile(t)
	before := contents(t, path)
	if _, err := Create(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v, want fs.ErrExist", err)
	}
	if contents(t, path) != before {
		t.Error("the second Create changed the file")
	}
}

func TestUnsafeFilesAreRefused(t *testing.T) {
	cases := map[string]func(t *testing.T, path string){
		"group can read":  func(t *testing.T, path string) { must(t, os.Chmod(path, 0o640)) },
		"others can read": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) },
		"symbolic link": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".target"))
			must(t, os.Symlink(path+".target", path))
		},
		"folder": func(t *testing.T, path string) { must(t, errors.Join(os.Remove(path), os.Mkdir(path, 0o700))) },
		"pipe":   func(t *testing.T, path string) { must(t, errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))) },
		"2 MiB":  func(t *testing.T, path string) { must(t, os.Truncate(path, 2<<20)) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			path := ringFile(t)
			spoil(t, path)
			if _, err := Open(path); !errors.Is(err, ErrUnsafeFile) {
				t.Errorf("Open: %v, want ErrUnsafeFile", err)
			}
			_, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring, nil })
			if !errors.Is(err, ErrUnsafeFile) {
				t.Errorf("Change: %v, want ErrUnsafeFile", err)
			}
		})
	}
}

func TestMalformedFilesAreRefusedWithoutQuotingThem(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))
	key := `{"id":"a","created":"2026-09-01T12:00:00Z","secret":"` + secret + `"}`
	head := `{"format":"kms-plugin-key-ring/1","next_number":`
	cases := map[string]string{
		"empty":           "",
		"not JSON":        secret,
		"cut":             head + `2,"keys":[` + key[:40],
		"two documents":   head + `2,"keys":[` + key + `]}{}`,
		"unknown field":   head + `2,"keys":[` + key + `],"more":1}`,
		"other format":    strings.Replace(head, "/1", "/2", 1) + `2,"keys":[` + key + `]}`,
		"no key":          head + `2,"keys":[]}`,
		"number too low":  head + `1,"keys":[` + key + `]}`,
		"same ID twice":   head + `3,"keys":[` + key + `,` + key + `]}`,
		"short secret":    head + `2,"keys":[` + strings.Replace(key, secret, "eHg=", 1) + `]}`,
		"ID with newline": head + `2,"keys":[` + strings.Replace(key, `"a"`, `"a\n"`, 1) + `]}`,
		"empty ID":        head + `2,"keys":[` + strings.Replace(key, `"a"`, `""`, 1) + `]}`,
		"long ID":         head + `2,"keys":[` + strings.Replace(key, `"a"`, `"`+strings.Repeat("a", 1025)+`"`, 1) + `]}`,
		"active disabled": head + `2,"keys":[` + strings.Replace(key, `"a"`, `"a","disabled":true`, 1) + `]}`,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := decode([]byte(text))
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v, want ErrMalformed", err)
			}
			if strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("the error quotes the secret: %v", err)
			}
		})
	}
	if _, err := decode([]byte(head + `2,"keys":[` + key + `]}`)); err != nil {
		t.Errorf("the text that the cases spoil is refused itself: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	text, err := encode(New(someTime).Rotate(someTime))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":"kms-plugin-key-ring/1","next_number":18446744073709551615,"keys":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := decode(text)
		if err != nil {
			return
		}
		sealed := mustSeal(t, ring.Active(), "secret", "")
		if _, err := ring.Active().Open(sealed, nil); err != nil {
			t.Errorf("a ring that was accepted does not work: %v", err)
		}
	})
}

func TestInterruptedWriteIsCleanedUp(t *testing.T) {
	path := ringFile(t)
	must(t, os.WriteFile(path+".new", []byte("half a secr"), 0o644))
	_, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring.Rotate(someTime), nil })
	must(t, err)
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the killed writer left is still there: %v", err)
	}
	if got := len(current(t, path).Keys()); got != 2 {
		t.Errorf("%d keys, want 2", got)
	}
}

func TestFailedChangeLeavesTheFile(t *testing.T) {
	path := ringFile(t)
	before := contents(t, path)
	_, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring.Disable(ring.Active().ID) })
	if !errors.Is(err, ErrKeyActive) {
		t.Errorf("%v, want ErrKeyActive", err)
	}
	if contents(t, path) != before {
		t.Error("the file changed")
	}
}

func TestUnreadableRingIsNeverWritten(t *testing.T) {
	cases := map[string]func(Ring) Ring{
		"numbers used up": func(ring Ring) Ring { ring.next = 1<<64 - 1; return ring.Rotate(someTime) },
		"too many keys": func(ring Ring) Ring {
			for range 8000 {
				ring.keys = append(ring.keys, Key{ID: newID(ring.next), Created: someTime, secret: newSecret()})
				ring.next++
			}
			return ring
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			path := ringFile(t)
			before := contents(t, path)
			if _, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return change(ring), nil }); err == nil {
				t.Error("Change wrote the ring, want an error")
			}
			if contents(t, path) != before {
				t.Error("the file changed")
			}
		})
	}
}

func TestLockedRingSaysSo(t *testing.T) {
	path := ringFile(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := locked(t.Context(), path, func() error {
		_, err := Change(ctx, path, func(ring Ring) (Ring, error) { return ring, nil })
		return err
	})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path+".lock") {
		t.Errorf("%v, want ErrLocked with the lock's path", err)
	}
}

func ringFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring.json")
	_, err := Create(t.Context(), path)
	must(t, err)
	return path
}

func current(t *testing.T, path string) Ring {
	t.Helper()
	store, err := Open(path)
	must(t, err)
	ring, err := store.Current()
	must(t, err)
	return ring
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
