package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	kmsv1 "k8s.io/kms/apis/v1beta1"
	kmsv2 "k8s.io/kms/apis/v2"
)

func TestRestartKeepsKeys(t *testing.T) {
	folder := shortFolder(t)
	socket, ring := folder+"/s/kms.sock", folder+"/ring.json"
	first := startPlugin(t, socket, ring)
	keyID := statusKey(t, first)
	sealed := encrypt(t, first, "secret")
	if code, log := first.stop(t, syscall.SIGTERM); code != 0 || !strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("SIGTERM: exit code %d, log %s; want 0", code, log)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after SIGTERM: %v, want no socket", err)
	}
	second := startPlugin(t, socket, ring)
	checkDecrypts(t, second, sealed, "secret")
	second.stop(t, syscall.SIGKILL)
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("SIGKILL should leave the socket for this test's sake: %v", err)
	}
	third := startPlugin(t, socket, ring)
	checkDecrypts(t, third, sealed, "secret")
	if got := statusKey(t, third); got != keyID {
		t.Errorf("key ID %s after two restarts, want %s", got, keyID)
	}
	if code, _ := third.stop(t, syscall.SIGINT); code != 0 {
		t.Errorf("SIGINT: exit code %d, want 0", code)
	}
}

func TestRotationShowsInTheNextStatus(t *testing.T) {
	folder := shortFolder(t)
	ring := folder + "/ring.json"
	server := startPlugin(t, folder+"/kms.sock", ring)
	history := map[string]bool{statusKey(t, server): true}
	var sealed []*kmsv2.EncryptResponse
	for range 5 {
		sealed = append(sealed, encrypt(t, server, "secret"))
		want := runProgram(t, "rotate", "--key-ring", ring)
		got := statusKey(t, server)
		if got != want || history[got] {
			t.Fatalf("Status says %s, want %s, which must be new", got, want)
		}
		history[got] = true
	}
	runProgram(t, "rotate", "--key-ring", ring, "--reinstate", sealed[0].GetKeyId())
	if got := statusKey(t, server); history[got] {
		t.Errorf("the reinstated key has an old ID, %s", got)
	}
	for _, old := range sealed {
		checkDecrypts(t, server, old, "secret")
	}
	runProgram(t, "disable", "--key-ring", ring, "--key-id", sealed[0].GetKeyId())
	if _, err := server.Decrypt(t.Context(), decryptRequest(sealed[0])); err == nil {
		t.Error("a disabled key decrypts")
	}
	checkDecrypts(t, server, sealed[1], "secret")
}

func TestTwoInstancesShareARing(t *testing.T) {
	folder := shortFolder(t)
	ring := folder + "/ring.json"
	one, two := startPlugin(t, folder+"/1.sock", ring), startPlugin(t, folder+"/2.sock", ring)
	if a, b := statusKey(t, one), statusKey(t, two); a != b {
		t.Errorf("key IDs %s and %s, want the same", a, b)
	}
	checkDecrypts(t, two, encrypt(t, one, "from one"), "from one")
	checkDecrypts(t, one, encrypt(t, two, "from two"), "from two")
}

func TestSecondInstanceOnOneSocketEnds(t *testing.T) {
	folder := shortFolder(t)
	first := startPlugin(t, folder+"/kms.sock", folder+"/ring.json")
	text, err := program(t, "serve", "--listen", "unix://"+folder+"/kms.sock", "--key-ring", folder+"/ring.json").CombinedOutput()
	if err == nil || !bytes.Contains(text, []byte("the socket is in use")) {
		t.Errorf("second instance: %v, %s", err, text)
	}
	statusKey(t, first)
}

func TestAbstractSocket(t *testing.T) {
	folder := shortFolder(t)
	name := "/@kms-plugin-" + filepath.Base(folder)
	command := program(t, "serve", "--listen", "unix://"+name, "--key-ring", folder+"/ring.json")
	stderr, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	serving, log := make(chan bool, 1), make(chan string, 1)
	go func() { log <- readLog(stderr, serving) }()
	if !receive(t, serving) {
		t.Fatalf("the plugin ended at once: %s", receive(t, log))
	}
	connection := dial(t, "unix-abstract:"+strings.TrimPrefix(name, "/@"))
	if _, err := kmsv2.NewKeyManagementServiceClient(connection).Status(t.Context(), &kmsv2.StatusRequest{}); err != nil {
		t.Error(err)
	}
	must(t, command.Process.Signal(syscall.SIGTERM))
	receive(t, log)
	must(t, command.Wait())
}

func TestV1MigratesToV2(t *testing.T) {
	folder := shortFolder(t)
	server := startPlugin(t, folder+"/kms.sock", folder+"/ring.json", "--kms-v1")
	v1 := kmsv1.NewKeyManagementServiceClient(server.connection)
	old, err := v1.Encrypt(t.Context(), &kmsv1.EncryptRequest{Version: "v1beta1", Plain: []byte("secret")})
	must(t, err)
	runProgram(t, "rotate", "--key-ring", folder+"/ring.json")
	opened, err := v1.Decrypt(t.Context(), &kmsv1.DecryptRequest{Version: "v1beta1", Cipher: old.GetCipher()})
	must(t, err)
	checkDecrypts(t, server, encrypt(t, server, string(opened.GetPlain())), "secret")
}

func TestHundredClientsAtOnceDuringRotations(t *testing.T) {
	folder := shortFolder(t)
	ring := folder + "/ring.json"
	server := startPlugin(t, folder+"/kms.sock", ring)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			word := strings.Repeat(string(rune('a'+i%26)), i+1)
			sealed, err := server.Encrypt(t.Context(), &kmsv2.EncryptRequest{Plaintext: []byte(word), Uid: "uid"})
			if err != nil {
				t.Error(err)
				return
			}
			opened, err := server.Decrypt(t.Context(), decryptRequest(sealed))
			if err != nil || string(opened.GetPlaintext()) != word {
				t.Errorf("%q, %v; want %q", opened.GetPlaintext(), err, word)
			}
		})
	}
	for range 3 {
		runProgram(t, "rotate", "--key-ring", ring)
	}
	group.Wait()
}

func TestLogHoldsNoSecret(t *testing.T) {
	folder := shortFolder(t)
	server := startPlugin(t, folder+"/kms.sock", folder+"/ring.json", "--log-level", "debug")
	sealed := encrypt(t, server, "canary-plaintext")
	checkDecrypts(t, server, sealed, "canary-plaintext")
	broken := decryptRequest(sealed)
	broken.Ciphertext = append([]byte("canary-ciphertext"), broken.GetCiphertext()...)
	if _, err := server.Decrypt(t.Context(), broken); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("altered ciphertext: %v", err)
	}
	text, err := os.ReadFile(folder + "/ring.json")
	must(t, err)
	var ring struct {
		Keys []struct{ Secret string }
	}
	must(t, json.Unmarshal(text, &ring))
	_, log := server.stop(t, syscall.SIGTERM)
	if strings.Count(log, `"msg":"call"`) != 3 {
		t.Errorf("want three calls in the log: %s", log)
	}
	for _, secret := range []string{"canary", "Y2FuYXJ5", ring.Keys[0].Secret[:8]} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
}
