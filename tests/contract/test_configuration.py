"""The published JSON Schema is what the reader of `kms-e2e.toml` accepts."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.config.schema import SCHEMA_FILE, json_schema

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_the_readers() -> None:
    """After a wanted change: `python -m pipeline.core.config.schema > docs/kms-e2e.schema.json`."""
    assert (ROOT / "docs" / SCHEMA_FILE).read_text() == json_schema()
