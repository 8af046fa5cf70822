// Command softhsm-plugin is a KMS v2 plugin whose keys never leave a PKCS#11 token, such as SoftHSM's.
//
//	softhsm-plugin serve  -listen unix:///path -library FILE -token LABEL [-create-token]
//	softhsm-plugin rotate -library FILE -token LABEL
//
// The PIN is in the environment variable HSM_PIN.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	kmsv2 "k8s.io/kms/apis/v2"
)

const (
	stopGrace    = 2 * time.Second
	mostReceived = 16 << 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "softhsm-plugin:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 || (arguments[0] != "serve" && arguments[0] != "rotate") {
		return errors.New("wanted: serve or rotate")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	listen := flags.String("listen", "", "unix:///path of the socket to listen on")
	library := flags.String("library", "/usr/lib/softhsm/libsofthsm2.so", "PKCS#11 library")
	label := flags.String("token", "kms", "label of the token")
	create := flags.Bool("create-token", false, "make the token and its first key when they are not there")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	pin := os.Getenv("HSM_PIN")
	if pin == "" {
		return errors.New("HSM_PIN is not set: it is the PIN of the token")
	}
	keys, err := openToken(*library, *label, pin, *create)
	if err != nil {
		return err
	}
	defer keys.close()
	if arguments[0] == "rotate" {
		_, err := keys.rotate()
		return err
	}
	if _, err := keys.current(); errors.Is(err, errNoKey) && *create {
		if _, err := keys.rotate(); err != nil {
			return err
		}
	}
	return serve(strings.TrimPrefix(*listen, "unix://"), keys)
}

func serve(path string, keys *token) error {
	listener, err := bind(path)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(mostReceived), grpc.WaitForHandlers(true))
	kmsv2.RegisterKeyManagementServiceServer(server, &plugin{keys: keys})
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	go func() {
		<-stop.Done()
		timer := time.AfterFunc(stopGrace, server.Stop)
		defer timer.Stop()
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

// bind removes the socket of a dead process, and nothing else; nobody but the owner may ever connect.
func bind(path string) (net.Listener, error) {
	if status, err := os.Lstat(path); err == nil {
		if status.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and no socket: it is not removed", path)
		}
		if connection, err := net.Dial("unix", path); err == nil {
			_ = connection.Close()
			return nil, fmt.Errorf("another process listens on %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.Listen("unix", path)
}
