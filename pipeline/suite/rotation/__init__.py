"""Family C: rotation and migration."""
