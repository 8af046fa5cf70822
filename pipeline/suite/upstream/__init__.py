"""Upstream's own end-to-end tests on a fully encrypted store, with simulated nodes."""
