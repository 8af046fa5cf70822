"""Writing the report of a matrix, and making one of the reports that the jobs of a CI left."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.result import RunReport, to_json
from pipeline.errors import InputError, MachineError
from pipeline.report import files
from pipeline.report.evidence import read_report
from pipeline.report.html import matrix_html
from pipeline.report.matrix import Cell, Matrix, Place, cell_of, matrix_of, place_of
from pipeline.report.merge import merge_folders


def write_matrix(folder: Path, matrix: Matrix) -> None:
    """Write matrix.json and matrix.html.

    Raises: MachineError when the folder cannot be written.
    """
    files.write_whole(folder / files.MATRIX_FILE, files.encode_json(to_json(matrix, indent=1)))
    files.write_whole(folder / files.MATRIX_HTML_FILE, matrix_html(matrix))


def collect_matrix(folders: Sequence[Path], output: Path) -> Matrix:
    """Make one matrix in `output` of report folders, as the jobs of a CI leave them; shards of a cell are merged.

    Raises: InputError when `output` exists and is not empty, a folder holds no report, or two of a cell ran the same
    scenario; MachineError when it cannot be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError("the output of a matrix must be a new or empty folder", where=str(output))
    grouped: dict[Place, list[Path]] = {}
    for folder in folders:
        grouped.setdefault(place_of(read_report(folder)), []).append(folder)
    cells: list[tuple[Cell, RunReport | None]] = []
    for place, parts in grouped.items():
        run = _gathered(parts, output / place.folder)
        cells.append((cell_of(run, place.folder), run))
    matrix = matrix_of(cells)
    write_matrix(output, matrix)
    return matrix


def _gathered(parts: Sequence[Path], target: Path) -> RunReport:
    if len(parts) > 1:
        return merge_folders(parts, target)
    try:
        shutil.copytree(parts[0], target)
    except OSError as error:
        raise MachineError("a report could not be copied", seen=str(error), where=str(target)) from error
    return read_report(target)
