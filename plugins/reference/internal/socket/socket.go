// Package socket listens on Unix sockets that only their owner can use.
//
// For unix:///folder/name:
//
//   - The socket has mode 0600 from the moment it exists. Its folder is made with 0700 if it is absent, and refused if
//     anybody else may write in it.
//   - A socket that nobody listens on is replaced, as a killed process leaves it. A live one is refused, and so is anything
//     that is no socket: nothing of somebody else's is ever removed.
//   - Close removes the socket, unless another one has taken its place.
//
// For unix:///@name (Linux, abstract): there is no file and no mode, so the listener asks the kernel who connects, and
// admits the same users as a 0600 file would: the own one and root.
package socket

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/kms/pkg/util"
)

// MaxPathBytes is the longest path of a socket: 107 on Linux, 103 on macOS.
const MaxPathBytes = len(syscall.RawSockaddrUnix{}.Path) - 1

var (
	// ErrAddress says that an address is none of a Unix socket.
	ErrAddress = errors.New("bad socket address")
	// ErrInUse says that a process listens on the socket.
	ErrInUse = errors.New("the socket is in use")
	// ErrOccupied says that something that is no socket has the socket's name.
	ErrOccupied = errors.New("the socket's path is taken")
	// ErrUnsafeFolder says that others could replace the socket.
	ErrUnsafeFolder = errors.New("unsafe folder for a socket")
)

// Listen listens on address, in the form of the API server's encryption configuration: unix:///path or unix:///@name.
func Listen(address string) (net.Listener, error) {
	path, err := parse(address)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "@") {
		return listenAbstract(path)
	}
	return listenFile(path)
}

// Check returns the error that Listen would return for the form of address.
func Check(address string) error {
	_, err := parse(address)
	return err
}

func parse(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host != "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return "", fmt.Errorf("%w: %q, want unix:///path or unix:///@name", ErrAddress, address)
	}
	path, err := util.ParseEndpoint(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if path == "@" || strings.ContainsRune(path, 0) || (!strings.HasPrefix(path, "@") && !filepath.IsAbs(path)) {
		return "", fmt.Errorf("%w: %q, want unix:///path or unix:///@name", ErrAddress, address)
	}
	if len(path) > MaxPathBytes {
		return "", fmt.Errorf("%w: %q has %d bytes, and the kernel's limit is %d: use a shorter folder", ErrAddress, path, len(path), MaxPathBytes)
	}
	if strings.HasSuffix(path, "/") {
		return "", fmt.Errorf("%w: %q names a folder, want a file in it", ErrAddress, address)
	}
	return path, nil
}
