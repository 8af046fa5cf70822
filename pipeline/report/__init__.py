"""Evidence of a run, written for machines (JSON, JUnit, badge) and for people (HTML).

Imports core only. `evidence` reads and appends the raw files, `write` makes everything that is derived from them.
"""
