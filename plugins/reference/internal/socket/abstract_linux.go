package socket

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// abstractListener drops connections of other users.
type abstractListener struct {
	*net.UnixListener
}

func listenAbstract(name string) (net.Listener, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: a process listens on %s; stop it first", ErrInUse, name)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", name, err)
	}
	return abstractListener{listener}, nil
}

// Accept returns the next connection of the own user or of root.
func (l abstractListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		err = checkPeer(connection)
		if err == nil {
			return connection, nil
		}
		slog.Warn("connection refused", "socket", l.Addr().String(), "error", errors.Join(err, connection.Close()).Error())
	}
}

func checkPeer(connection *net.UnixConn) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(descriptor uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, peerErr); err != nil {
		return err
	}
	return admit(peer.Uid, os.Geteuid())
}

func admit(peer uint32, own int) error {
	if int(peer) != own && peer != 0 {
		return fmt.Errorf("user %d connects, want %d or root", peer, own)
	}
	return nil
}
