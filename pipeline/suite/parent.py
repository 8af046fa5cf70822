"""Run the suite as a child, so that its death leaves a report: `python -m pipeline.suite.parent --assets … --report …`.

The words are those of `python -m pipeline.suite`. When the child is killed, as by the out-of-memory killer, or ends
with a defect of its own, what it found until then is made a report that says so, and the exit code is one that Dagger
takes (`core.suite_exit`).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

from pipeline.core.suite_exit import killed_by, passable, signal_name
from pipeline.errors import EXIT_DEFECT, EXIT_WRONG_INPUT, KmsE2EError
from pipeline.harness.exec_shim import die_with_parent
from pipeline.report.files import RUN_FILE

_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHILD: Final = ("-m", "pipeline.suite")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite and return its exit code, 192 + N when signal N killed it."""
    words = list(sys.argv[1:] if argv is None else argv)
    code = passable(run_child([sys.executable, *_CHILD, *words]))
    number = killed_by(code)
    if number:
        message = f"the suite was killed by {signal_name(number)}"
        sys.stderr.write(f"error: {message}\n")
        report_end(words, EXIT_WRONG_INPUT, message)
    elif code == EXIT_DEFECT:
        report_end(words, code, "the suite ended with a defect of its own")
    return code


def run_child(words: Sequence[str]) -> int:
    """Run a command to its end, hand on the signals that ask for one, and return its exit code as Python has it."""
    # Nothing runs beside this thread yet, so that code between fork and exec cannot dead-lock.
    # A session of its own: what a terminal sends to all reaches it once, from here.
    child = subprocess.Popen(words, preexec_fn=die_with_parent, start_new_session=True)  # noqa: PLW1509

    def forward(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    return child.wait()


def report_end(words: Sequence[str], code: int, note: str) -> None:
    """Write the report of a suite that could not, of what it left; one that ended before it began left nothing."""
    # Here and not above: it is gRPC and pytest, for which the parent of a living suite has no use.
    from pipeline.suite.__main__ import request_of, summary  # noqa: PLC0415
    from pipeline.suite.equipment import load_equipment  # noqa: PLC0415
    from pipeline.suite.run import write  # noqa: PLC0415

    try:
        request = request_of(words)
        if not (request.report / RUN_FILE).is_file():
            return
        plugin = load_equipment(request.assets, request.report).plugin
        run = write(request.report, plugin, exit_code=code, note=note)
    except KmsE2EError as error:
        sys.stderr.write(f"error: {error}\n")
        return
    sys.stdout.write(f"{summary(run, request.report)}\n")


if __name__ == "__main__":
    sys.exit(main())
