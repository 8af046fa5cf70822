"""Family B: first encryption."""
