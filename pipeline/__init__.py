"""Build a Kubernetes KMS v2 plugin with the Go of `.go-version` and prove that it keeps the KMS v2 contract."""

__version__ = "0.1.0"
