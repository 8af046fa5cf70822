package keyring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestStoreSeesARotation(t *testing.T) {
	path := ringFile(t)
	store, err := Open(path)
	must(t, err)
	for range 50 {
		changed, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring.Rotate(someTime), nil })
		must(t, err)
		ring, err := store.Current()
		must(t, err)
		if got, want := ring.Active().ID, changed.Active().ID; got != want {
			t.Fatalf("active key %s, want %s", got, want)
		}
	}
}

func TestStoreFailsWhileTheFileIsBadAndRecovers(t *testing.T) {
	path := ringFile(t)
	store, err := Open(path)
	must(t, err)
	must(t, os.Rename(path, path+".away"))
	if _, err := store.Current(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v, want fs.ErrNotExist", err)
	}
	must(t, os.Rename(path+".away", path))
	if _, err := store.Current(); err != nil {
		t.Errorf("after the file came back: %v", err)
	}
	must(t, os.Chmod(path, 0o644))
	if _, err := store.Current(); !errors.Is(err, ErrUnsafeFile) {
		t.Errorf("after chmod 644: %v, want ErrUnsafeFile", err)
	}
	must(t, os.Chmod(path, 0o600))
	if _, err := store.Current(); err != nil {
		t.Errorf("after chmod 600: %v", err)
	}
}

func TestWritersLoseNoKey(t *testing.T) {
	const writers, rotations = 8, 5
	path := ringFile(t)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range rotations {
				if _, err := Change(t.Context(), path, func(ring Ring) (Ring, error) { return ring.Rotate(someTime), nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got, want := len(current(t, path).Keys()), 1+writers*rotations; got != want {
		t.Errorf("%d keys, want %d", got, want)
	}
}

func TestOneOfManyCreators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.json")
	created := make(chan Ring, 8)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			ring, err := Create(t.Context(), path)
			if err == nil {
				created <- ring
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	close(created)
	if len(created) != 1 {
		t.Fatalf("%d of 8 made a ring, want 1", len(created))
	}
	if got, want := current(t, path).Active().ID, (<-created).Active().ID; got != want {
		t.Errorf("the file's key is %s, want %s", got, want)
	}
}
