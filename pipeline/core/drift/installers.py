"""Steps of a pipeline that install Go without saying which: what they install then is their own choice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.model import Hit, Kind, Named
from pipeline.core.drift.scalars import Frame, Scalar
from pipeline.core.go_version import GoVersion

_SETUP_GO: Final = re.compile(r"actions/setup-go@\S+")
_GO_TOOL: Final = "GoTool@0"
_GO_TOOL_DEFAULT: Final = GoVersion(10)


def without_version(scalar: Scalar) -> Iterator[Hit]:
    """Yield a step that installs Go and is given no version.

    setup-go then installs nothing, warns, and leaves the Go of the runner's image. Source: actions/setup-go, main.ts.
    GoTool@0 has 1.10 as its default. Source: azure-pipelines-tasks, Tasks/GoToolV0/task.json.
    """
    if scalar.key == "uses" and _SETUP_GO.fullmatch(scalar.text):
        if not _given(scalar.frame, "with", ("go-version", "go-version-file", "version")):
            what = f"{scalar.text} without go-version"
            step = "it installs nothing and leaves the Go of the runner's image: add with: go-version-file: .go-version"
            yield Hit(scalar.column, scalar.text, Named(), Kind.RANGE, what, obstacle=step)
    elif scalar.key == "task" and scalar.text == _GO_TOOL and not _given(scalar.frame, "inputs", ("version",)):
        step = f"it installs its default, {_GO_TOOL_DEFAULT}: add inputs: version"
        named = Named(exact=_GO_TOOL_DEFAULT)
        yield Hit(scalar.column, scalar.text, named, Kind.EXACT, f"{_GO_TOOL} without a version", obstacle=step)


def _given(step: Frame, key: str, names: tuple[str, ...]) -> bool:
    """Tell whether a step's inputs have one of the names, or come from elsewhere (an alias, a merge, an expression)."""
    inputs = step.inner.get(key)
    if step.values.get(key) or "<<" in step.values:
        return True
    return inputs is not None and ("<<" in inputs.values or any(inputs.values.get(name) for name in names))
