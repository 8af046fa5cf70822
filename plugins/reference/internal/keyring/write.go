package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	lockWait = 10 * time.Second // a writer needs milliseconds; more means that it hangs
	lockPoll = 20 * time.Millisecond
)

// ErrLocked says that another writer held the lock for the whole waiting time of 10 s.
var ErrLocked = errors.New("another process is writing the key ring")

// Create writes a new ring to path. The error wraps fs.ErrExist if something is there already.
func Create(ctx context.Context, path string) (Ring, error) {
	var ring Ring
	err := locked(ctx, path, func() error {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("key ring %s: %w", path, fs.ErrExist)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("key ring: %w", err)
		}
		ring = New(time.Now())
		return write(path, ring)
	})
	return ring, err
}

// Change replaces the ring in path by change's result, or leaves it as it is if change fails.
func Change(ctx context.Context, path string, change func(Ring) (Ring, error)) (Ring, error) {
	var changed Ring
	err := locked(ctx, path, func() error {
		ring, _, err := read(path)
		if err != nil {
			return err
		}
		if changed, err = change(ring); err != nil {
			return err
		}
		return write(path, changed)
	})
	return changed, err
}

// locked runs act while it holds the lock of all writers of path. The lock is a file of its own, since a write replaces
// the ring's file; the kernel frees it when a writer is killed.
func locked(ctx context.Context, path string, act func() error) error {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("lock of the key ring: %w", err)
	}
	defer func() { _ = lock.Close() }() // also unlocks
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return act()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", lock.Name(), err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s stayed locked: %w", ErrLocked, lock.Name(), context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

// write replaces the file as a whole: after a crash there is the old ring or the new one.
func write(path string, ring Ring) error {
	text, err := encode(ring)
	if err != nil {
		return err
	}
	if err := checkReadable(text); err != nil {
		return err
	}
	// A fixed name: what a killed writer left (it holds secrets) goes away here. Only the holder of the lock gets here.
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an interrupted write left: %w", err)
	}
	err = writeSynced(temporary, text)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary) // the first error is the one to report
		return fmt.Errorf("write the key ring: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// checkReadable keeps a ring that could not be read again from replacing a good one.
func checkReadable(text []byte) error {
	if len(text) >= maxFileBytes {
		return fmt.Errorf("the changed key ring would have %d bytes, want less than %d; the file is left as it is", len(text), maxFileBytes)
	}
	if _, err := decode(text); err != nil {
		return fmt.Errorf("the changed key ring could not be read again; the file is left as it is: %w", err)
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the key ring's folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync the key ring's folder: %w", err)
	}
	return nil
}
