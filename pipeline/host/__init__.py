"""The host adapter: a Go of known origin, a cache of finished binaries, and the execution of a build plan."""
