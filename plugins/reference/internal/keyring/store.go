package keyring

import (
	"io/fs"
	"os"
	"sync"
)

// Store gives the ring of a file as the file is now. It may be used by many goroutines at once.
//
// While the file is missing, unsafe or malformed, Current fails: a plugin that went on with a ring from memory would hide a
// lost ring until its next start. The store recovers by itself when the file is good again.
type Store struct {
	path string

	mutex sync.Mutex
	info  fs.FileInfo // of the file that ring was read from; nil = none
	ring  Ring
}

// Open reads the ring in path, so that a bad file is found at the start.
func Open(path string) (*Store, error) {
	store := &Store{path: path}
	_, err := store.Current()
	return store, err
}

// Current returns the ring, read again if the file changed since the last call.
func (s *Store) Current() (Ring, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if info, err := os.Lstat(s.path); err == nil && s.info != nil && unchanged(s.info, info) {
		return s.ring, nil
	}
	ring, info, err := read(s.path)
	if err != nil {
		s.info = nil
		return Ring{}, err
	}
	s.ring, s.info = ring, info
	return ring, nil
}

func unchanged(before, now fs.FileInfo) bool {
	return os.SameFile(before, now) && before.Size() == now.Size() && before.Mode() == now.Mode() &&
		before.ModTime().Equal(now.ModTime()) && ownerOf(before) == ownerOf(now)
}
