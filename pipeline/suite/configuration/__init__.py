"""Family E: the life-cycle of the encryption configuration."""
