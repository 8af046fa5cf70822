"""The typer application, and how its errors are shown."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

import typer
from typer._click.exceptions import ClickException  # typer shows it and exports it nowhere else

from pipeline import __version__
from pipeline.cli import (
    audit,
    build,
    doctor,
    go_version,
    init,
    inspect,
    kubernetes,
    matrix,
    prefetch,
    probe,
    report,
    scenarios,
    up,
    verify,
)
from pipeline.cli import run as run_command
from pipeline.errors import EXIT_DEFECT, EXIT_WRONG_INPUT, KmsE2EError

_TYPER_INTERRUPTED = 130
"""What typer turns Ctrl-C into, instead of letting KeyboardInterrupt pass; no command of ours ends with it."""

app = typer.Typer(
    name="kms-e2e",
    help=(
        "Prove that a Kubernetes KMS v2 plugin keeps its contract, with a real kube-apiserver and etcd, "
        "no cluster and no cloud account."
    ),
    epilog="Exit codes: 0 all passed, 1 the suite found a failure, 2 wrong input or machine, 3 a defect of kms-e2e.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("run", run_command.run),
    ("init", init.init),
    ("matrix", matrix.matrix),
    ("up", up.up),
    ("probe", probe.probe),
    ("inspect", inspect.inspect),
    ("build", build.build),
    ("prefetch", prefetch.prefetch),
    ("scenarios", scenarios.scenarios),
    ("go-version", go_version.go_version),
    ("audit", audit.audit),
    ("verify", verify.verify),
    ("doctor", doctor.doctor),
)
for name, command in COMMANDS:
    app.command(name)(command)
app.add_typer(report.app, name="report")
app.add_typer(kubernetes.app, name="kubernetes")


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    """Show the version when it is asked for."""
    if show:
        print(__version__)
        raise typer.Exit


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(arguments, standalone_mode=False)
    except KmsE2EError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except ClickException as error:
        error.show()
        return EXIT_WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except Exception:  # noqa: BLE001 - the last line of defence: whatever escapes is a defect of ours
        traceback.print_exc()
        print("this is a defect of kms-e2e; please report it with the lines above", file=sys.stderr)
        return EXIT_DEFECT
    if code == _TYPER_INTERRUPTED:
        return _interrupted()
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return EXIT_WRONG_INPUT
