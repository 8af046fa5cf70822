// A module of another project, in Go: its own containerised test against our control plane, and our report on its plugin.
package main

import (
	"context"

	"dagger/go-consumer/internal/dagger"
)

// GoConsumer composes toolchain, control plane and report of kms for another project.
type GoConsumer struct{}

// GoVersion returns `go version` of the toolchain that the plugin's .go-version asks for.
func (m *GoConsumer) GoVersion(
	ctx context.Context,
	// Repository of the plugin.
	// +defaultPath="/"
	source *dagger.Directory,
) (string, error) {
	kms := dag.Kms(dagger.KmsOpts{Source: source})
	return kms.Toolchain().Container().WithExec([]string{"go", "version"}).Stdout(ctx)
}

// TestSecret runs the Go test in the folder secret, with the plugin's Go, on a control plane that encrypts Secrets
// with the plugin.
func (m *GoConsumer) TestSecret(
	ctx context.Context,
	// Repository of the plugin.
	// +defaultPath="/"
	source *dagger.Directory,
) (string, error) {
	kms := dag.Kms(dagger.KmsOpts{Source: source})
	test := dag.CurrentModule().Source().Directory("secret")
	client := kms.Toolchain().WithSource(test).Container().WithExec([]string{"go", "test", "-c", "-o", "/secret.test", "."})
	bound := kms.ControlPlane().Bind(client)
	return bound.WithExec([]string{"/secret.test", "-test.v"}).Stdout(ctx)
}

// Failed returns how many scenarios of a part of the suite failed.
func (m *GoConsumer) Failed(
	ctx context.Context,
	// Repository of the plugin.
	// +defaultPath="/"
	source *dagger.Directory,
	// Only scenarios whose id or title matches this regular expression.
	// +default="A05"
	focus string,
) (int, error) {
	kms := dag.Kms(dagger.KmsOpts{Source: source})
	return kms.Report(dagger.KmsReportOpts{Focus: focus}).Failed(ctx)
}
