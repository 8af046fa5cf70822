package keyservice

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/kms/pkg/service"

	"example.com/kms-plugin/internal/keyring"
)

// ringKeys is a ring in memory; err takes its place if it is set.
type ringKeys struct {
	ring keyring.Ring
	err  error
}

func (k *ringKeys) Current() (keyring.Ring, error) { return k.ring, k.err }

func newService(t *testing.T) (*Service, *ringKeys, *[]string) {
	t.Helper()
	keys := &ringKeys{ring: keyring.New(time.Now())}
	uses := &[]string{}
	return New(keys, func(operation string) { *uses = append(*uses, operation) }), keys, uses
}

func TestRoundTrip(t *testing.T) {
	keyService, _, _ := newService(t)
	for _, size := range []int{1, 31, 32, maxPlaintextBytes} {
		plaintext := bytes.Repeat([]byte{7}, size)
		response := mustEncrypt(t, keyService, plaintext)
		if len(response.Ciphertext) > MaxCiphertextBytes || bytes.Contains(response.Ciphertext, plaintext) && size > 4 {
			t.Errorf("%d bytes: bad ciphertext of %d bytes", size, len(response.Ciphertext))
		}
		got, err := keyService.Decrypt(t.Context(), "another uid", request(response))
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: decrypted %d bytes, %v", size, len(got), err)
		}
	}
	for _, size := range []int{0, maxPlaintextBytes + 1} {
		_, err := keyService.Encrypt(t.Context(), "uid", make([]byte, size))
		checkCode(t, err, codes.InvalidArgument)
	}
}

func TestEachVersionReadsWhatTheOtherWrote(t *testing.T) {
	newer, _, _ := newService(t)
	older, err := newer.WithScheme(OldScheme)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]*Service{"upgrade": {older, newer}, "rollback": {newer, older}} {
		written := mustEncrypt(t, pair[0], []byte("secret"))
		got, err := pair[1].Decrypt(t.Context(), "uid", request(written))
		if err != nil || string(got) != "secret" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		swapped := Scheme
		if string(written.Annotations[SchemeAnnotation]) == Scheme {
			swapped = OldScheme
		}
		written.Annotations[SchemeAnnotation] = []byte(swapped)
		_, err = pair[1].Decrypt(t.Context(), "uid", request(written))
		checkCode(t, err, codes.InvalidArgument)
	}
	if _, err := newer.WithScheme("rot13"); !errors.Is(err, ErrUnknownScheme) {
		t.Errorf("rot13: %v", err)
	}
}

func TestStatusUsesNoKey(t *testing.T) {
	keyService, keys, uses := newService(t)
	for range 100 {
		got, err := keyService.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: keys.ring.Active().ID}
		if *got != want {
			t.Fatalf("%+v, want %+v", *got, want)
		}
	}
	if len(*uses) != 0 {
		t.Errorf("Status used keys: %v", *uses)
	}
	_, err := keyService.Decrypt(t.Context(), "uid", request(mustEncrypt(t, keyService, []byte("x"))))
	if err != nil || !slices.Equal(*uses, []string{"encrypt", "decrypt"}) {
		t.Errorf("uses after one Encrypt and one Decrypt: %v, %v", *uses, err)
	}
}

func TestRotation(t *testing.T) {
	keyService, keys, _ := newService(t)
	old := mustEncrypt(t, keyService, []byte("secret"))
	keys.ring = keys.ring.Rotate(time.Now())
	if got := mustEncrypt(t, keyService, []byte("secret")); got.KeyID == old.KeyID {
		t.Errorf("Encrypt still uses %s", got.KeyID)
	}
	if got, err := keyService.Decrypt(t.Context(), "uid", request(old)); err != nil || string(got) != "secret" {
		t.Errorf("old ciphertext: %q, %v", got, err)
	}
	keys.ring = keys.ring.DisableOld()
	_, err := keyService.Decrypt(t.Context(), "uid", request(old))
	checkCode(t, err, codes.FailedPrecondition)
}

func TestDecryptRefusesWhatEncryptDidNotMake(t *testing.T) {
	keyService, keys, uses := newService(t)
	other := keys.ring.Active().ID
	keys.ring = keys.ring.Rotate(time.Now())
	cases := map[string]struct {
		spoil func(*service.DecryptRequest)
		want  codes.Code
	}{
		"unknown key":      {func(r *service.DecryptRequest) { r.KeyID = "key-000009-0123456789abcdef" }, codes.NotFound},
		"other key":        {func(r *service.DecryptRequest) { r.KeyID = other }, codes.InvalidArgument},
		"no annotations":   {func(r *service.DecryptRequest) { r.Annotations = nil }, codes.InvalidArgument},
		"other scheme":     {func(r *service.DecryptRequest) { r.Annotations[SchemeAnnotation] = []byte("rot13") }, codes.InvalidArgument},
		"one more":         {func(r *service.DecryptRequest) { r.Annotations["more.example.com"] = nil }, codes.InvalidArgument},
		"1 byte":           {func(r *service.DecryptRequest) { r.Ciphertext = []byte{1} }, codes.InvalidArgument},
		"nothing":          {func(r *service.DecryptRequest) { r.Ciphertext = nil }, codes.InvalidArgument},
		"last bit flipped": {func(r *service.DecryptRequest) { r.Ciphertext[len(r.Ciphertext)-1] ^= 1 }, codes.InvalidArgument},
		"cut":              {func(r *service.DecryptRequest) { r.Ciphertext = r.Ciphertext[1:] }, codes.InvalidArgument},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			spoiled := request(mustEncrypt(t, keyService, []byte("plain words")))
			if _, err := keyService.Decrypt(t.Context(), "uid", spoiled); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			test.spoil(spoiled)
			got, err := keyService.Decrypt(t.Context(), "uid", spoiled)
			checkCode(t, err, test.want)
			if got != nil || strings.Contains(err.Error(), "plain words") {
				t.Errorf("answered %q, %v", got, err)
			}
		})
	}
	if !slices.Contains(*uses, "decrypt") {
		t.Error("no case got as far as a key")
	}
}

func TestUnusableRingIsUnavailable(t *testing.T) {
	keyService, keys, _ := newService(t)
	response := mustEncrypt(t, keyService, []byte("secret"))
	keys.err = errors.New("no ring")
	_, statusErr := keyService.Status(t.Context())
	_, encryptErr := keyService.Encrypt(t.Context(), "uid", []byte("x"))
	_, decryptErr := keyService.Decrypt(t.Context(), "uid", request(response))
	for _, err := range []error{statusErr, encryptErr, decryptErr} {
		checkCode(t, err, codes.Unavailable)
	}
}

func TestCancelledCallUsesNoKey(t *testing.T) {
	keyService, _, uses := newService(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := keyService.Encrypt(ctx, "uid", []byte("x"))
	checkCode(t, err, codes.Canceled)
	if len(*uses) != 0 {
		t.Errorf("used keys: %v", *uses)
	}
}

func TestV1(t *testing.T) {
	keyService, keys, _ := newService(t)
	keyID, ciphertext, err := keyService.EncryptV1(t.Context(), []byte("secret"))
	if err != nil || keyID != keys.ring.Active().ID {
		t.Fatalf("key %q, %v", keyID, err)
	}
	keys.ring = keys.ring.Rotate(time.Now())
	gotID, got, err := keyService.DecryptV1(t.Context(), ciphertext)
	if err != nil || string(got) != "secret" || gotID != keyID {
		t.Errorf("after a rotation: %q, key %q, %v", got, gotID, err)
	}
	for i := range ciphertext {
		changed := slices.Clone(ciphertext)
		changed[i] ^= 1
		if _, got, err := keyService.DecryptV1(t.Context(), changed); err == nil {
			t.Fatalf("byte %d changed: decrypted %q", i, got)
		}
		if _, got, err := keyService.DecryptV1(t.Context(), ciphertext[:i]); err == nil {
			t.Fatalf("cut to %d bytes: decrypted %q", i, got)
		}
	}
	_, _, err = keyService.DecryptV1(t.Context(), make([]byte, maxCiphertextV1+1))
	checkCode(t, err, codes.InvalidArgument)
	_, _, err = keyService.EncryptV1(t.Context(), nil)
	checkCode(t, err, codes.InvalidArgument)
}

// A KMS v1 ciphertext must not be passed off as one of KMS v2, nor the other way round.
func TestVersionsDoNotMix(t *testing.T) {
	keyService, _, _ := newService(t)
	keyID, ciphertext, err := keyService.EncryptV1(t.Context(), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := ciphertext[headerV1Bytes+len(keyID):]
	asV2 := &service.DecryptRequest{Ciphertext: sealed, KeyID: keyID, Annotations: map[string][]byte{SchemeAnnotation: []byte(Scheme)}}
	_, err = keyService.Decrypt(t.Context(), "uid", asV2)
	checkCode(t, err, codes.InvalidArgument)
	response := mustEncrypt(t, keyService, []byte("secret"))
	asV1 := append(slices.Clone(ciphertext[:headerV1Bytes+len(keyID)]), response.Ciphertext...)
	_, _, err = keyService.DecryptV1(t.Context(), asV1)
	checkCode(t, err, codes.InvalidArgument)
}

func TestAdditionalDataIsUnambiguous(t *testing.T) {
	lists := [][]byte{
		additionalData("p", "ab", map[string][]byte{"c": []byte("d")}),
		additionalData("p", "a", map[string][]byte{"bc": []byte("d")}),
		additionalData("p", "ab", map[string][]byte{"cd": nil}),
		additionalData("pa", "b", map[string][]byte{"c": []byte("d")}),
		additionalData("p", "ab", map[string][]byte{"c": []byte("d"), "e": nil}),
	}
	for i := range lists {
		for j := range i {
			if bytes.Equal(lists[i], lists[j]) {
				t.Errorf("lists %d and %d give the same bytes", i, j)
			}
		}
	}
}

func FuzzDecryptV1(f *testing.F) {
	keyService := New(&ringKeys{ring: keyring.New(time.Now())}, func(string) {})
	f.Add([]byte{1, 0, 0})
	f.Add([]byte{1, 0xff, 0xff, 'a'})
	f.Fuzz(func(t *testing.T, ciphertext []byte) {
		if _, got, err := keyService.DecryptV1(t.Context(), ciphertext); err == nil {
			t.Errorf("decrypted %q", got)
		}
	})
}

func mustEncrypt(t *testing.T, keyService *Service, plaintext []byte) *service.EncryptResponse {
	t.Helper()
	response, err := keyService.Encrypt(t.Context(), "uid", plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func request(response *service.EncryptResponse) *service.DecryptRequest {
	return &service.DecryptRequest{Ciphertext: response.Ciphertext, KeyID: response.KeyID, Annotations: response.Annotations}
}

func checkCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code %s (%v), want %s", got, err, want)
	}
}
