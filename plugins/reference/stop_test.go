package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	kmsv2 "k8s.io/kms/apis/v2"
)

func TestStopWhileAClientIsConnected(t *testing.T) {
	folder := shortFolder(t)
	server := startPlugin(t, folder+"/kms.sock", folder+"/ring.json")
	statusKey(t, server) // the connection stays open, as an API server's does
	if code, log := server.stop(t, syscall.SIGTERM); code != 0 || strings.Contains(log, "grace time;") {
		t.Errorf("exit code %d, log %s; want 0 and no cancelled call", code, log)
	}
}

// A log that nobody reads blocks every call that wants to log; the end must come all the same.
func TestStopWhileTheLogIsBlocked(t *testing.T) {
	t.Parallel()
	folder := shortFolder(t)
	reader, writer, err := os.Pipe()
	must(t, err)
	defer func() { _ = reader.Close() }()
	command := program(t, "serve", "--listen", "unix://"+folder+"/kms.sock", "--key-ring", folder+"/ring.json")
	command.Stderr = writer
	must(t, errors.Join(command.Start(), writer.Close()))
	for line := ""; !strings.Contains(line, `"msg":"serving"`); {
		part := make([]byte, 4096)
		size, err := reader.Read(part)
		must(t, err)
		line += string(part[:size])
	}
	fillLog(t, dial(t, "unix://"+folder+"/kms.sock"))
	must(t, command.Process.Signal(syscall.SIGTERM))
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailure {
		t.Errorf("%v, want exit code %d", err, exitFailure)
	}
}

// fillLog calls until a call hangs.
func fillLog(t *testing.T, connection *grpc.ClientConn) {
	t.Helper()
	client := kmsv2.NewKeyManagementServiceClient(connection)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := client.Decrypt(ctx, &kmsv2.DecryptRequest{Ciphertext: []byte("x"), KeyId: strings.Repeat("k", 1024)})
		cancel()
		switch status.Code(err) {
		case codes.DeadlineExceeded:
			return
		case codes.InvalidArgument: // for its lack of annotations, and logged
		default:
			t.Fatal(err)
		}
	}
}

// A client that connects and says nothing must not hold up the end.
func TestStopWhileAClientIsSilent(t *testing.T) {
	folder := shortFolder(t)
	server := startPlugin(t, folder+"/kms.sock", folder+"/ring.json")
	silent, err := net.Dial("unix", folder+"/kms.sock")
	must(t, err)
	defer func() { _ = silent.Close() }()
	statusKey(t, server) // connections are accepted in order: the silent one is in
	if code, log := server.stop(t, syscall.SIGTERM); code != 0 || !strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("exit code %d, log %s; want 0 and a clean stop", code, log)
	}
}
