"""A resolution of the Go version in words, for people."""

from __future__ import annotations

from pipeline.core.go_resolution import Outcome, Resolution


def describe(resolution: Resolution) -> str:
    """Return the answer, and below it every input, strongest first."""
    rows = [
        f"  {step.name:<14} {'-' if step.value is None else step.value:<18} {step.outcome:<8} {step.where}"
        + (f": {step.reason}" if step.reason else "")
        for step in resolution.steps
    ]
    return "\n".join([f"{_answer(resolution)}, from {resolution.source}", *rows])


def _answer(resolution: Resolution) -> str:
    if resolution.version is None:
        return "whatever Go the machine has"
    asserted = any(step.outcome is Outcome.WANTED for step in resolution.steps)
    if asserted:
        return f"{resolution.version.toolchain} (asserted: GOTOOLCHAIN={resolution.gotoolchain} must select it)"
    newer = " or what go.mod asks for" if resolution.gotoolchain != resolution.version.toolchain else ""
    return f"{resolution.version.toolchain}{newer}"
