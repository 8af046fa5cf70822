"""Family F: backup, older formats, cold starts, several API servers, the Go version of every binary."""
