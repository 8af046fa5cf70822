//go:build !linux

package socket

import (
	"fmt"
	"net"
)

func listenAbstract(name string) (net.Listener, error) {
	return nil, fmt.Errorf("%w: %s is abstract, which only Linux has; use a file", ErrAddress, name)
}
