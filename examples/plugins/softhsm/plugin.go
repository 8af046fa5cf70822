package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	kmsv2 "k8s.io/kms/apis/v2"
)

const (
	mostBytes  = 1024 // of a ciphertext and a keyID, by api.proto
	annotation = "algorithm.softhsm-plugin.example.com"
)

type plugin struct {
	kmsv2.UnimplementedKeyManagementServiceServer

	keys *token
}

func (p *plugin) Status(context.Context, *kmsv2.StatusRequest) (*kmsv2.StatusResponse, error) {
	id, err := p.keys.current()
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &kmsv2.StatusResponse{Version: "v2", Healthz: "ok", KeyId: id}, nil
}

func (p *plugin) Encrypt(_ context.Context, request *kmsv2.EncryptRequest) (*kmsv2.EncryptResponse, error) {
	if size := len(request.GetPlaintext()); size == 0 || size > mostBytes-nonceBytes-tagBits/8 {
		return nil, status.Errorf(codes.InvalidArgument, "a plaintext of %d bytes gives no ciphertext of 1 to %d", size, mostBytes)
	}
	annotations := map[string][]byte{annotation: []byte("CKM_AES_GCM")}
	id, sealed, err := p.keys.encrypt(request.GetPlaintext(), bound(annotations))
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &kmsv2.EncryptResponse{Ciphertext: sealed, KeyId: id, Annotations: annotations}, nil
}

func (p *plugin) Decrypt(_ context.Context, request *kmsv2.DecryptRequest) (*kmsv2.DecryptResponse, error) {
	if size := len(request.GetCiphertext()); size == 0 || size > mostBytes || len(request.GetKeyId()) > mostBytes {
		return nil, status.Errorf(codes.InvalidArgument, "ciphertext and key_id have 1 to %d bytes", mostBytes)
	}
	opened, err := p.keys.decrypt(request.GetKeyId(), request.GetCiphertext(), bound(request.GetAnnotations()))
	if errors.Is(err, errNoKey) {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the ciphertext does not open: "+err.Error())
	}
	return &kmsv2.DecryptResponse{Plaintext: opened}, nil
}

// bound returns annotations as one text, so that none can be altered without notice.
func bound(annotations map[string][]byte) []byte {
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		text.WriteString(name + "\x00")
		text.Write(annotations[name])
		text.WriteByte(0)
	}
	return text.Bytes()
}
