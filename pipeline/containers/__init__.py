"""Dagger adapter: executes the build plans of `pipeline.core` in containers and runs the suite in one."""
