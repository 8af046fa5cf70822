package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	lockWait     = 5 * time.Second // starting and stopping hold the lock for milliseconds
	lockPoll     = 10 * time.Millisecond
	probeTimeout = time.Second
)

// umask belongs to the whole process: one change at a time.
var umaskMutex sync.Mutex

// fileListener removes its socket on Close.
type fileListener struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
	once sync.Once
}

func listenFile(path string) (net.Listener, error) {
	folder := filepath.Dir(path)
	if err := prepareFolder(folder); err != nil {
		return nil, err
	}
	// Between finding a dead socket and replacing it, another instance may do the same: one of them at a time.
	unlock, err := lockFolder(folder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeDead(path); err != nil {
		return nil, err
	}
	listener, err := bindPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false) // it would remove a successor's socket as well
	own, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), listener.Close())
	}
	return &fileListener{UnixListener: listener, path: path, own: own}, nil
}

// prepareFolder makes a private folder, or checks the one that is there.
func prepareFolder(folder string) error {
	if err := makeFolder(folder); err != nil {
		return fmt.Errorf("folder of the socket: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("folder of the socket: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is %s, want a folder", ErrUnsafeFolder, folder, info.Mode())
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%w: others may write in %s (mode %04o), want 0700: use a folder of its own, or chmod 700 it", ErrUnsafeFolder, folder, mode)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if own := os.Geteuid(); ok && int(stat.Uid) != own && stat.Uid != 0 {
		return fmt.Errorf("%w: %s belongs to user %d, want %d, who runs this program", ErrUnsafeFolder, folder, stat.Uid, own)
	}
	return nil
}

func makeFolder(folder string) error {
	umaskMutex.Lock()
	defer umaskMutex.Unlock()
	defer syscall.Umask(syscall.Umask(0o077)) // an umask of 0777 would lock us out of our own folder
	return os.MkdirAll(folder, 0o700)
}

// bindPrivate binds under an umask, since a chmod after bind would leave a moment in which anybody can connect.
func bindPrivate(path string) (*net.UnixListener, error) {
	umaskMutex.Lock()
	defer umaskMutex.Unlock()
	defer syscall.Umask(syscall.Umask(0o177))
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%w: %s is %s, want a socket or nothing; it is left as it is", ErrOccupied, path, info.Mode())
	}
	connection, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		return errors.Join(fmt.Errorf("%w: a process answers on %s; stop it first", ErrInUse, path), connection.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // only this says that nobody listens
		return fmt.Errorf("%w, or so it seems: %w", ErrInUse, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("replace a dead socket: %w", err)
	}
	return nil
}

// lockFolder excludes other instances while they start or stop in the folder. The kernel frees it at the process's end.
func lockFolder(path string) (unlock func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("folder of the socket: %w", err)
	}
	for deadline := time.Now().Add(lockWait); ; time.Sleep(lockPoll) {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = folder.Close() }, nil
		}
		if time.Now().After(deadline) {
			err = fmt.Errorf("%w: another process keeps %s locked for %s: %w", ErrInUse, path, lockWait, err)
			return nil, errors.Join(err, folder.Close())
		}
	}
}

// Close removes the socket if it is still this listener's, and stops listening. In this order: while the listener is open
// the kernel keeps its inode, so that no successor's socket can have the same one.
func (l *fileListener) Close() error {
	var err error
	l.once.Do(func() { err = l.remove() })
	return errors.Join(err, l.UnixListener.Close())
}

func (l *fileListener) remove() error {
	unlock, err := lockFolder(filepath.Dir(l.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	info, err := os.Lstat(l.path)
	if err != nil || !os.SameFile(info, l.own) {
		return nil // it is gone, or a successor's
	}
	return os.Remove(l.path)
}
