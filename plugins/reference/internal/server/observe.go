package server

import (
	"context"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// call collects what the log line of a call tells. Only the call's own goroutine uses it.
type call struct {
	uid   string
	keyID string
}

type callKey struct{}

// observer writes a log line for each call and counts it.
type observer struct {
	logger  *slog.Logger
	metrics *Metrics
}

func (o observer) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	start := time.Now()
	seen := &call{}
	response, err := o.recovered(context.WithValue(ctx, callKey{}, seen), request, handle)
	duration := time.Since(start)
	code := status.Code(err)
	api, method := splitMethod(info.FullMethod)
	o.metrics.observe(api, method, code, duration)
	attributes := []slog.Attr{
		slog.String("api", api),
		slog.String("method", method),
		slog.String("uid", seen.uid),
		slog.String("key_id", seen.keyID),
		slog.String("code", code.String()),
		slog.Float64("duration_ms", float64(duration.Microseconds())/1000),
	}
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, slog.String("error", status.Convert(err).Message()))
	}
	o.logger.LogAttrs(ctx, level, "call", attributes...)
	return response, err
}

// recovered turns a panic into an error. The panic's value stays out of the log: it may hold part of the request.
func (o observer) recovered(ctx context.Context, request any, handle grpc.UnaryHandler) (response any, err error) {
	defer func() {
		if recover() == nil {
			return
		}
		o.logger.Error("panic in a call", "stack", string(debug.Stack()))
		response, err = nil, status.Error(codes.Internal, "the plugin failed on this call; its log has the place")
	}()
	return handle(ctx, request)
}

// splitMethod splits "/v2.KeyManagementService/Encrypt" into "v2" and "Encrypt".
func splitMethod(full string) (api, method string) {
	api, _, _ = strings.Cut(strings.TrimPrefix(full, "/"), ".")
	return api, path.Base(full)
}

// noteUID puts the uid into the log line, or refuses one that would swamp the log.
func noteUID(ctx context.Context, uid string) error {
	if len(uid) > maxUIDBytes {
		return status.Errorf(codes.InvalidArgument, "uid of %d bytes, want at most %d", len(uid), maxUIDBytes)
	}
	if seen, ok := ctx.Value(callKey{}).(*call); ok {
		seen.uid = uid
	}
	return nil
}

func noteKey(ctx context.Context, keyID string) {
	if seen, ok := ctx.Value(callKey{}).(*call); ok {
		seen.keyID = keyID[:min(len(keyID), maxKeyIDBytes)]
	}
}
