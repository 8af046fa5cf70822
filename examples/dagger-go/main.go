// A module of another project, in Go, that runs the suite on that project's plugin.
package main

import (
	"context"

	"dagger/go-consumer/internal/dagger"
)

// GoConsumer composes the toolchain and the report of kms for another project.
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
