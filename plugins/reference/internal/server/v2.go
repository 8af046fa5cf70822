package server

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	kmsv2 "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

type v2Server struct {
	kmsv2.UnimplementedKeyManagementServiceServer

	service service.Service
}

func (s *v2Server) Status(ctx context.Context, _ *kmsv2.StatusRequest) (*kmsv2.StatusResponse, error) {
	response, err := s.service.Status(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkLength(codes.Internal, "key_id", len(response.KeyID), maxKeyIDBytes); err != nil {
		return nil, err
	}
	noteKey(ctx, response.KeyID)
	return &kmsv2.StatusResponse{Version: response.Version, Healthz: response.Healthz, KeyId: response.KeyID}, nil
}

func (s *v2Server) Encrypt(ctx context.Context, request *kmsv2.EncryptRequest) (*kmsv2.EncryptResponse, error) {
	if err := noteUID(ctx, request.GetUid()); err != nil {
		return nil, err
	}
	if len(request.GetPlaintext()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "plaintext is empty")
	}
	response, err := s.service.Encrypt(ctx, request.GetUid(), request.GetPlaintext())
	if err != nil {
		return nil, err
	}
	noteKey(ctx, response.KeyID)
	if err := checkFields(codes.Internal, response.KeyID, response.Ciphertext, response.Annotations); err != nil {
		return nil, err
	}
	return &kmsv2.EncryptResponse{
		Ciphertext:  response.Ciphertext,
		KeyId:       response.KeyID,
		Annotations: response.Annotations,
	}, nil
}

func (s *v2Server) Decrypt(ctx context.Context, request *kmsv2.DecryptRequest) (*kmsv2.DecryptResponse, error) {
	if err := noteUID(ctx, request.GetUid()); err != nil {
		return nil, err
	}
	noteKey(ctx, request.GetKeyId())
	err := checkFields(codes.InvalidArgument, request.GetKeyId(), request.GetCiphertext(), request.GetAnnotations())
	if err != nil {
		return nil, err
	}
	plaintext, err := s.service.Decrypt(ctx, request.GetUid(), &service.DecryptRequest{
		Ciphertext:  request.GetCiphertext(),
		KeyID:       request.GetKeyId(),
		Annotations: request.GetAnnotations(),
	})
	if err != nil {
		return nil, err
	}
	return &kmsv2.DecryptResponse{Plaintext: plaintext}, nil
}
