package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const maxFileBytes = 1 << 20

// ErrUnsafeFile says that a key ring file could be read or replaced by others, or is no regular file.
var ErrUnsafeFile = errors.New("unsafe key ring file")

// read returns the ring in a file, and the file's state for noticing a change.
func read(path string) (Ring, fs.FileInfo, error) {
	// O_NOFOLLOW: a symbolic link would be replaced by the next write, and its target forgotten.
	// O_NONBLOCK: opening a pipe must not hang.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return Ring{}, nil, fmt.Errorf("%w: %s is a symbolic link, want a regular file", ErrUnsafeFile, path)
	}
	if err != nil {
		return Ring{}, nil, fmt.Errorf("key ring: %w", err)
	}
	defer func() { _ = file.Close() }() // read only: nothing to lose
	info, err := file.Stat()
	if err != nil {
		return Ring{}, nil, fmt.Errorf("key ring: %w", err)
	}
	if err := checkFile(path, info); err != nil {
		return Ring{}, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes))
	if err != nil {
		return Ring{}, nil, fmt.Errorf("key ring: %w", err)
	}
	ring, err := decode(text)
	if err != nil {
		return Ring{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, info, nil
}

func checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is %s, want a regular file", ErrUnsafeFile, path, info.Mode())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o, want 0600 or less; then: chmod 600 %s", ErrUnsafeFile, path, mode, path)
	}
	if owner, own := ownerOf(info), os.Geteuid(); owner != own && owner != 0 {
		return fmt.Errorf("%w: %s belongs to user %d, want %d, who runs this program", ErrUnsafeFile, path, owner, own)
	}
	if info.Size() >= maxFileBytes {
		return fmt.Errorf("%w: %s has %d bytes, want less than %d", ErrUnsafeFile, path, info.Size(), maxFileBytes)
	}
	return nil
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
