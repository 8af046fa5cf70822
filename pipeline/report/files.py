"""Names of the files of a report folder, and writing them whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

RUN_FILE: Final = "run.json"
RESULTS_FILE: Final = "results.jsonl"
EVENTS_FILE: Final = "events.jsonl"
CALLS_FOLDER: Final = "calls"
LOGS_FOLDER: Final = "logs"
METRICS_FOLDER: Final = "metrics"
PROVENANCE_FILE: Final = "provenance.json"
UPSTREAM_FILE: Final = "upstream.json"
REPORT_FILE: Final = "report.json"
HTML_FILE: Final = "report.html"
MATRIX_FILE: Final = "matrix.json"
MATRIX_HTML_FILE: Final = "matrix.html"
CONFORMANCE_FILE: Final = "conformance.json"
BADGE_FILE: Final = "badge.svg"
BADGE_ENDPOINT_FILE: Final = "badge.json"
# TestGrid reads junit_CONTEXT_TIMESTAMP_THREAD.xml; the context holds no underscore.
JUNIT_FILE: Final = "junit_kms_01.xml"


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`; a reader sees the old bytes or the new ones, never a part.

    Raises: MachineError when the folder cannot be written (full disk, permission).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
            temporary = Path(handle.name)
            try:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise MachineError(
            "a file of the report could not be written",
            seen=error.strerror or str(error),
            where=str(path),
            next_step="free space, or name another folder with --report",
        ) from error


def encode_json(text: str) -> bytes:
    """Return JSON text as UTF-8; a lone surrogate (a byte that was no UTF-8) becomes its JSON escape."""
    return (text + "\n").encode("utf-8", errors="backslashreplace")
