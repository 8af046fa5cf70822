package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"
)

const (
	keyLabel   = "kms-plugin"
	keyBytes   = 32
	nonceBytes = 12
	tagBits    = 128
	mostKeys   = 256
)

var errNoKey = errors.New("no such key in the token")

// token is one session with a PKCS#11 token. A session serves one call at a time.
type token struct {
	mutex   sync.Mutex
	module  *pkcs11.Ctx
	session pkcs11.SessionHandle
}

// openToken logs in to the token with a label; with create it makes the token in a free slot first.
func openToken(library, label, pin string, create bool) (*token, error) {
	module := pkcs11.New(library)
	if module == nil {
		return nil, fmt.Errorf("the PKCS#11 library %s cannot be loaded", library)
	}
	if err := module.Initialize(); err != nil {
		return nil, fmt.Errorf("initialising %s: %w", library, err)
	}
	slot, err := findSlot(module, label)
	if err == nil && slot == nil && create {
		slot, err = createToken(module, label, pin)
	}
	if err != nil {
		return nil, err
	}
	if slot == nil {
		return nil, fmt.Errorf("no token has the label %q", label)
	}
	session, err := module.OpenSession(*slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	if err := module.Login(session, pkcs11.CKU_USER, pin); err != nil {
		return nil, fmt.Errorf("logging in to token %q: %w", label, err)
	}
	return &token{module: module, session: session}, nil
}

func findSlot(module *pkcs11.Ctx, label string) (*uint, error) {
	slots, err := module.GetSlotList(true)
	if err != nil {
		return nil, fmt.Errorf("listing slots: %w", err)
	}
	for _, slot := range slots {
		info, err := module.GetTokenInfo(slot)
		if err == nil && info.Label == label && info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			return &slot, nil
		}
	}
	return nil, nil
}

// createToken is for tests: a real token is made by its administrator.
func createToken(module *pkcs11.Ctx, label, pin string) (*uint, error) {
	slots, err := module.GetSlotList(true)
	if err != nil || len(slots) == 0 {
		return nil, fmt.Errorf("no free slot for a token: %w", err)
	}
	if err := module.InitToken(slots[len(slots)-1], pin, label); err != nil {
		return nil, fmt.Errorf("making a token: %w", err)
	}
	slot, err := findSlot(module, label)
	if err != nil || slot == nil {
		return nil, fmt.Errorf("the new token is not there: %w", err)
	}
	session, err := module.OpenSession(*slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return nil, err
	}
	defer module.CloseSession(session)
	if err := module.Login(session, pkcs11.CKU_SO, pin); err != nil {
		return nil, fmt.Errorf("logging in as security officer: %w", err)
	}
	defer module.Logout(session)
	return slot, module.InitPIN(session, pin)
}

func (t *token) close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	_ = t.module.Logout(t.session)
	_ = t.module.Finalize()
}

// rotate makes a key in the token, which the hardware never gives out, and returns its keyID.
func (t *token) rotate() (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	ids, err := t.ids()
	if err != nil {
		return "", err
	}
	// The first two bytes count the keys, so that the newest is the greatest.
	id := append([]byte{byte(len(ids) >> 8), byte(len(ids))}, make([]byte, 6)...)
	if _, err := rand.Read(id[2:]); err != nil {
		return "", err
	}
	_, err = t.module.GenerateKey(t.session,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keyBytes),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, keyLabel),
			pkcs11.NewAttribute(pkcs11.CKA_ID, id),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
			pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		})
	if err != nil {
		return "", fmt.Errorf("making a key: %w", err)
	}
	return keyID(id), nil
}

// current returns the keyID of the newest key.
func (t *token) current() (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	ids, err := t.ids()
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", errNoKey
	}
	return keyID(ids[len(ids)-1]), nil
}

// encrypt seals data with the newest key; context is bound to it.
func (t *token) encrypt(data, context []byte) (string, []byte, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	ids, err := t.ids()
	if err != nil {
		return "", nil, err
	}
	if len(ids) == 0 {
		return "", nil, errNoKey
	}
	id := ids[len(ids)-1]
	nonce := make([]byte, nonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return "", nil, err
	}
	sealed, err := t.use(id, nonce, context, data, t.module.EncryptInit, t.module.Encrypt)
	return keyID(id), append(nonce, sealed...), err
}

// decrypt opens what encrypt gave. An unknown key is errNoKey.
func (t *token) decrypt(name string, sealed, context []byte) ([]byte, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	ids, err := t.ids()
	if err != nil {
		return nil, err
	}
	index := slices.IndexFunc(ids, func(id []byte) bool { return keyID(id) == name })
	if index < 0 || len(sealed) <= nonceBytes {
		return nil, errNoKey
	}
	return t.use(ids[index], sealed[:nonceBytes], context, sealed[nonceBytes:], t.module.DecryptInit, t.module.Decrypt)
}

type (
	begin func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error
	work  func(pkcs11.SessionHandle, []byte) ([]byte, error)
)

func (t *token) use(id, nonce, context, data []byte, start begin, finish work) ([]byte, error) {
	handles, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	if err != nil || len(handles) == 0 {
		return nil, errors.Join(errNoKey, err)
	}
	parameters := pkcs11.NewGCMParams(nonce, context, tagBits)
	defer parameters.Free()
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, parameters)}
	if err := start(t.session, mechanism, handles[0]); err != nil {
		return nil, err
	}
	return finish(t.session, data)
}

// ids returns the CKA_ID of every key of the plugin, the newest last.
func (t *token) ids() ([][]byte, error) {
	handles, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_LABEL, keyLabel))
	if err != nil {
		return nil, err
	}
	var ids [][]byte
	for _, handle := range handles {
		values, err := t.module.GetAttributeValue(t.session, handle,
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
		if err != nil {
			return nil, fmt.Errorf("reading a key's id: %w", err)
		}
		ids = append(ids, values[0].Value)
	}
	slices.SortFunc(ids, slices.Compare)
	return ids, nil
}

func (t *token) find(attribute *pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := t.module.FindObjectsInit(t.session, []*pkcs11.Attribute{attribute}); err != nil {
		return nil, fmt.Errorf("looking for a key: %w", err)
	}
	handles, _, err := t.module.FindObjects(t.session, mostKeys)
	return handles, errors.Join(err, t.module.FindObjectsFinal(t.session))
}

// keyID is public: it stands in etcd beside every object.
func keyID(id []byte) string {
	digest := sha256.Sum256(id)
	return "hsm-" + hex.EncodeToString(digest[:16])
}
