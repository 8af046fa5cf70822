"""Family D: what happens to data, writes and reads while a plugin fails, and how all recovers."""
