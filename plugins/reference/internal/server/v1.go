package server

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	kmsv1 "k8s.io/kms/apis/v1beta1"
)

const (
	versionV1     = "v1beta1" // what an API server sends and wants back
	runtimeNameV1 = "kms-plugin"
)

// V1Service is what KMS v1 needs. The key IDs are for the log only: a KMS v1 ciphertext has to hold its own.
type V1Service interface {
	EncryptV1(ctx context.Context, data []byte) (keyID string, ciphertext []byte, err error)
	DecryptV1(ctx context.Context, ciphertext []byte) (keyID string, plaintext []byte, err error)
}

type v1Server struct {
	kmsv1.UnimplementedKeyManagementServiceServer

	service        V1Service
	runtimeVersion string
}

func (s *v1Server) Version(_ context.Context, request *kmsv1.VersionRequest) (*kmsv1.VersionResponse, error) {
	if err := checkVersionV1(request.GetVersion()); err != nil {
		return nil, err
	}
	return &kmsv1.VersionResponse{Version: versionV1, RuntimeName: runtimeNameV1, RuntimeVersion: s.runtimeVersion}, nil
}

func (s *v1Server) Encrypt(ctx context.Context, request *kmsv1.EncryptRequest) (*kmsv1.EncryptResponse, error) {
	if err := checkVersionV1(request.GetVersion()); err != nil {
		return nil, err
	}
	keyID, ciphertext, err := s.service.EncryptV1(ctx, request.GetPlain())
	noteKey(ctx, keyID)
	if err != nil {
		return nil, err
	}
	return &kmsv1.EncryptResponse{Cipher: ciphertext}, nil
}

func (s *v1Server) Decrypt(ctx context.Context, request *kmsv1.DecryptRequest) (*kmsv1.DecryptResponse, error) {
	if err := checkVersionV1(request.GetVersion()); err != nil {
		return nil, err
	}
	keyID, plaintext, err := s.service.DecryptV1(ctx, request.GetCipher())
	noteKey(ctx, keyID)
	if err != nil {
		return nil, err
	}
	return &kmsv1.DecryptResponse{Plain: plaintext}, nil
}

func checkVersionV1(version string) error {
	if version != versionV1 {
		return status.Errorf(codes.InvalidArgument, "version %.64q, want %q", version, versionV1)
	}
	return nil
}
