package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kmsv2 "k8s.io/kms/apis/v2"
)

// hangLimit is far above any time that a test waits for; it ends a test that would hang.
const hangLimit = 20 * time.Second

// plugin is a running kms-plugin process.
type plugin struct {
	kmsv2.KeyManagementServiceClient
	connection *grpc.ClientConn
	process    *os.Process
	exit       chan error
	log        chan string // the whole log, after the end
}

// startPlugin starts a process and waits until its log says that it serves.
func startPlugin(t *testing.T, socket, ring string, more ...string) *plugin {
	t.Helper()
	command := program(t, append([]string{"serve", "--listen", "unix://" + socket, "--key-ring", ring}, more...)...)
	stderr, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	started := &plugin{process: command.Process, exit: make(chan error, 1), log: make(chan string, 1)}
	t.Cleanup(func() { _ = started.process.Kill() })
	serving := make(chan bool, 1)
	go func() {
		started.log <- readLog(stderr, serving)
		started.exit <- command.Wait()
	}()
	if !receive(t, serving) {
		t.Fatalf("the plugin ended at once: %s", receive(t, started.log))
	}
	started.connection = dial(t, "unix://"+socket)
	started.KeyManagementServiceClient = kmsv2.NewKeyManagementServiceClient(started.connection)
	return started
}

func dial(t *testing.T, target string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func readLog(stderr io.Reader, serving chan<- bool) string {
	var log strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), `"msg":"serving"`) {
			serving <- true
		}
	}
	close(serving)
	return log.String()
}

// stop sends a signal and returns the exit code (-1 after a signal's death) and the log.
func (p *plugin) stop(t *testing.T, signal syscall.Signal) (code int, log string) {
	t.Helper()
	must(t, p.process.Signal(signal))
	log = receive(t, p.log)
	err := receive(t, p.exit)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), log
	}
	must(t, err)
	return 0, log
}

func statusKey(t *testing.T, server *plugin) string {
	t.Helper()
	state, err := server.Status(t.Context(), &kmsv2.StatusRequest{})
	must(t, err)
	if state.GetHealthz() != "ok" || state.GetVersion() != "v2" {
		t.Fatalf("Status: %v", state)
	}
	return state.GetKeyId()
}

func encrypt(t *testing.T, server *plugin, plaintext string) *kmsv2.EncryptResponse {
	t.Helper()
	sealed, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte(plaintext), Uid: "uid"})
	must(t, err)
	return sealed
}

func decryptRequest(sealed *kmsv2.EncryptResponse) *kmsv2.DecryptRequest {
	return &kmsv2.DecryptRequest{
		Ciphertext: sealed.GetCiphertext(), KeyId: sealed.GetKeyId(), Annotations: sealed.GetAnnotations(), Uid: "uid",
	}
}

func checkDecrypts(t *testing.T, server *plugin, sealed *kmsv2.EncryptResponse, want string) {
	t.Helper()
	opened, err := server.Decrypt(t.Context(), decryptRequest(sealed))
	if err != nil || string(opened.GetPlaintext()) != want {
		t.Errorf("decrypted %q, %v; want %q", opened.GetPlaintext(), err, want)
	}
}

// program is this test binary under the name kms-plugin (see TestMain).
func program(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel) // kills what a failed test left
	command := exec.CommandContext(ctx, self, arguments...)
	command.Args[0] = "kms-plugin"
	return command
}

// runProgram returns the standard output of a command that has to succeed.
func runProgram(t *testing.T, arguments ...string) string {
	t.Helper()
	text, err := program(t, arguments...).Output()
	if err != nil {
		t.Fatalf("kms-plugin %v: %v", arguments, err)
	}
	return strings.TrimSpace(string(text))
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	var value T
	select {
	case value = <-from:
	case <-time.After(hangLimit):
		t.Fatalf("nothing after %s", hangLimit)
	}
	return value
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
