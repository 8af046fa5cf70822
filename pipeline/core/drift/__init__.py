"""Drift rules: where a repository names a Go version, and whether that is the version in force.

Pure functions over text: one reader per file format yields `Mention`s, one judge compares them with the `Truth`.
Nothing here opens a file; `pipeline.host.audit` walks and reads, within bounds.
"""
