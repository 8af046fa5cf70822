package socket

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestSocketIsPrivateFromTheFirstMoment(t *testing.T) {
	for _, umask := range []int{0o000, 0o022, 0o077, 0o777} {
		folder := filepath.Join(shortFolder(t), "new")
		path := filepath.Join(folder, "kms.sock")
		previous := syscall.Umask(umask)
		seen := watchModes(t, folder, path)
		for range 20 {
			listener, err := Listen("unix://" + path)
			if err != nil {
				t.Fatal(err)
			}
			must(t, listener.Close())
		}
		modes := seen()
		if now := syscall.Umask(previous); now != umask {
			t.Errorf("umask is %04o afterwards, want %04o", now, umask)
		}
		for mode := range modes {
			if mode != fs.ModeSocket|0o600 && mode != fs.ModeDir|0o700 {
				t.Errorf("umask %04o: seen with mode %v, want 0600 for the socket and 0700 for its folder", umask, mode)
			}
		}
	}
}

// watchModes looks at the paths all the time, until the function that it returns is called.
func watchModes(t *testing.T, paths ...string) func() map[fs.FileMode]bool {
	t.Helper()
	var stop atomic.Bool
	var group sync.WaitGroup
	seen := map[fs.FileMode]bool{}
	group.Go(func() {
		for last := false; !last; {
			last = stop.Load() // and look once more
			for _, path := range paths {
				if info, err := os.Lstat(path); err == nil {
					seen[info.Mode()] = true
				}
			}
		}
	})
	return func() map[fs.FileMode]bool {
		stop.Store(true)
		group.Wait()
		return seen
	}
}

func TestListenWhileAnotherListens(t *testing.T) {
	for _, address := range []string{"unix://" + shortFolder(t) + "/kms.sock", "unix:///@kms-plugin-test-" + filepath.Base(shortFolder(t))} {
		first, err := Listen(address)
		must(t, err)
		if _, err := Listen(address); !errors.Is(err, ErrInUse) {
			t.Errorf("second Listen on %s: %v, want ErrInUse", address, err)
		}
		checkAnswers(t, first)
		must(t, first.Close())
		again, err := Listen(address)
		must(t, err)
		checkAnswers(t, again)
		must(t, again.Close())
	}
}

func TestDeadSocketIsReplaced(t *testing.T) {
	path := shortFolder(t) + "/kms.sock"
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	dead.SetUnlinkOnClose(false) // as kill -9 leaves it
	must(t, dead.Close())
	listener, err := Listen("unix://" + path)
	must(t, err)
	checkAnswers(t, listener)
	must(t, listener.Close())
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v, want no socket", err)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	cases := map[string]func(path string) error{
		"regular file":  func(path string) error { return os.WriteFile(path, []byte("keep me"), 0o600) },
		"empty file":    func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"folder":        func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"dangling link": func(path string) error { return os.Symlink(path+".nothing", path) },
		"link to a file": func(path string) error {
			return errors.Join(os.WriteFile(path+".file", nil, 0o600), os.Symlink(path+".file", path))
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			path := shortFolder(t) + "/kms.sock"
			must(t, make(path))
			before, err := os.Lstat(path)
			must(t, err)
			if _, err := Listen("unix://" + path); !errors.Is(err, ErrOccupied) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want ErrOccupied with the path", err)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("what was there is not there any more: %v", err)
			}
		})
	}
}

// A socket of another kind gives an error that is not "connection refused": it has to count as live.
func TestDatagramSocketIsLeftAlone(t *testing.T) {
	path := shortFolder(t) + "/kms.sock"
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer func() { _ = other.Close() }()
	if _, err := Listen("unix://" + path); !errors.Is(err, ErrInUse) {
		t.Errorf("%v, want ErrInUse", err)
	}
}

func TestUnsafeFoldersAreRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o777, 0o770, 0o702, 0o777 | fs.ModeSticky} {
		folder := shortFolder(t)
		must(t, os.Chmod(folder, mode))
		_, err := Listen("unix://" + folder + "/kms.sock")
		if !errors.Is(err, ErrUnsafeFolder) || !strings.Contains(err.Error(), folder) {
			t.Errorf("folder of mode %v: %v, want ErrUnsafeFolder with the folder", mode, err)
		}
	}
	file := shortFolder(t) + "/file"
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Listen("unix://" + file + "/kms.sock"); err == nil {
		t.Error("a file as the folder was accepted")
	}
}

func TestOneOfManyStarters(t *testing.T) {
	path := shortFolder(t) + "/kms.sock"
	for range 20 {
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		must(t, err)
		dead.SetUnlinkOnClose(false)
		must(t, dead.Close())
		listeners := make(chan net.Listener, 8)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				listener, err := Listen("unix://" + path)
				if err == nil {
					listeners <- listener
				} else if !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if len(listeners) != 1 {
			t.Fatalf("%d of 8 listen, want 1", len(listeners))
		}
		winner := <-listeners
		checkAnswers(t, winner)
		must(t, winner.Close())
	}
}

func TestCloseLeavesASuccessorsSocket(t *testing.T) {
	path := shortFolder(t) + "/kms.sock"
	first, err := Listen("unix://" + path)
	must(t, err)
	must(t, os.Remove(path))
	second, err := Listen("unix://" + path)
	must(t, err)
	must(t, first.Close())
	checkAnswers(t, second)
	must(t, second.Close())
}

func TestBadAddresses(t *testing.T) {
	for _, address := range []string{
		"", "/run/kms.sock", "kms.sock", "unix:", "unix://", "unix:///", "unix://run/kms.sock", "unix:///@", "unix:///run/kms/",
		"unix:kms.sock", "tcp://127.0.0.1:1", "unix:///run/kms.sock?x=y", "unix:///run/kms.sock#x", "unix:///run/%00.sock", "unix:///run/%zz",
		"unix:///" + strings.Repeat("a", MaxPathBytes), "unix:///@" + strings.Repeat("a", MaxPathBytes),
	} {
		if listener, err := Listen(address); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, %v; want ErrAddress", address, listener, err)
		}
	}
}

func TestLongestPath(t *testing.T) {
	folder := shortFolder(t)
	path := folder + "/" + strings.Repeat("s", MaxPathBytes-len(folder)-1)
	listener, err := Listen("unix://" + path)
	if err != nil {
		t.Fatalf("path of %d bytes: %v", len(path), err)
	}
	checkAnswers(t, listener)
	must(t, listener.Close())
	if _, err := Listen("unix://" + path + "s"); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "107") {
		t.Errorf("path of %d bytes: %v, want ErrAddress with the limit", len(path)+1, err)
	}
}

// checkAnswers connects and passes one byte. It passes over the connections by which other instances found out that
// somebody listens: those are closed without a byte.
func checkAnswers(t *testing.T, listener net.Listener) {
	t.Helper()
	client, err := net.Dial("unix", listener.Addr().String())
	must(t, err)
	_, err = client.Write([]byte{42})
	must(t, errors.Join(err, client.Close()))
	for {
		server, err := listener.Accept()
		must(t, err)
		got, err := io.ReadAll(server)
		must(t, errors.Join(err, server.Close()))
		if len(got) > 0 {
			if got[0] != 42 {
				t.Fatalf("read %v, want 42", got)
			}
			return
		}
	}
}

// shortFolder is t.TempDir with a short path: sockets need one.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "kms-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
