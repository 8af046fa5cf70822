"""Where `kms-e2e run` runs the suite: on this host, or in Dagger."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import typer

from pipeline.cli.assets import project_at
from pipeline.core.result import from_json
from pipeline.core.suite_exit import FAILURE_FILE, Failure
from pipeline.errors import InputError
from pipeline.host.dagger import DaggerRun, assert_engine, engine_problem, module_reference, run_in_dagger
from pipeline.host.module_proxy import ModuleProxy


class Runner(StrEnum):
    """Where the suite runs."""

    HOST = "host"
    DAGGER = "dagger"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class InDagger:
    """What `kms-e2e run` was given; `refused` are the options that a run in Dagger cannot take."""

    config: Path | None
    report: Path
    module: str
    run_id: str
    ids: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    focus: str | None = None
    skip: str | None = None
    parallel: int = 0
    shard: str = "1/1"
    refused: tuple[str, ...] = ()
    kubernetes: str = ""
    proxy: ModuleProxy = field(default_factory=ModuleProxy)
    upstream: bool = False
    label_filter: str = ""
    plain: bool = False
    fast: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the module's function `report` or `upstream`; what was not given is left out.

        An empty focus or skip is handed on: it is not upstream's default.
        """
        focus = f"^({'|'.join(map(re.escape, self.ids))}) " if self.ids and not self.focus else self.focus
        options = (("focus", focus), ("skip", self.skip), ("family", ",".join(self.family) or None))
        words = [f"--{name}={value}" for name, value in options if value is not None]
        words += [f"--parallel={self.parallel}"] if self.parallel else []
        words += [f"--label-filter={self.label_filter}"] if self.label_filter else []
        words += ["--plain"] if self.plain else []
        # What is named by its id is taken whatever its tier, as on a host.
        words += ["--fast"] if self.fast and not (self.ids or self.upstream) else []
        return (*words, *([f"--shard={self.shard}"] if self.shard != "1/1" else []))


def choose(runner: Runner, asked: InDagger, problem: Callable[[], str] = engine_problem) -> Runner:
    """Return where to run: `auto` takes Dagger where an engine answers and it can do all that was asked for.

    Raises: InputError when Dagger was asked for and cannot do it; MachineError when there is no engine.
    """
    reason = f"{', '.join(asked.refused)} is for the host only" if asked.refused else ""
    if runner is Runner.DAGGER:
        if reason:
            raise InputError(
                "this cannot be asked of a run in Dagger", seen=", ".join(asked.refused), next_step="use --runner host"
            )
        assert_engine()
    if runner is not Runner.AUTO:
        return runner
    reason = reason or problem()
    chosen = Runner.HOST if reason else Runner.DAGGER
    typer.echo(f"runner: {chosen} ({reason or 'a Dagger engine answers'})", err=True)
    return chosen


def execute_in_dagger(asked: InDagger) -> int:
    """Run the suite in Dagger, print the closing lines of its report, and return its exit code.

    Raises: KmsE2EError when the input, Dagger or the machine is at fault.
    """
    # Here and not above, since a wrong option must not wait for gRPC and pytest.
    from pipeline.report.evidence import read_report  # noqa: PLC0415
    from pipeline.report.files import REPORT_FILE  # noqa: PLC0415
    from pipeline.suite.__main__ import components, summary  # noqa: PLC0415
    from pipeline.suite.report_folder import clear_report  # noqa: PLC0415
    from pipeline.suite.selection import Selection, parse_shard  # noqa: PLC0415

    asked.proxy.check()
    project = project_at(asked.config)
    focus, skip, shard = asked.focus or "", asked.skip or "", parse_shard(asked.shard)
    selection = Selection(asked.ids, asked.family, focus, skip, asked.fast, shard=shard)
    needed = () if asked.upstream else components(selection, (), asked.kubernetes)
    module = module_reference(asked.module)
    clear_report(asked.report)
    (asked.report / FAILURE_FILE).unlink(missing_ok=True)
    run_id = asked.run_id or uuid.uuid4().hex
    folder = asked.report.absolute()
    target = (module, project, asked.words, run_id, folder)
    function = "upstream" if asked.upstream else "report"
    run_in_dagger(DaggerRun(*target, asked.kubernetes, asked.proxy, os.environ, needed, function))
    if not (asked.report / REPORT_FILE).is_file():
        return tell_failure(asked.report)
    report = read_report(asked.report)
    typer.echo(summary(report, asked.report))
    return report.exit_code


def tell_failure(report: Path) -> int:
    """Print why a suite in Dagger wrote no report, and return its exit code.

    Raises: InputError when there is no such file: Dagger exported something else.
    """
    file = report / FAILURE_FILE
    try:
        failure = from_json(Failure, file.read_text(), where=str(file))
    except OSError as error:
        raise InputError(
            "Dagger exported no report",
            seen=str(error),
            wanted=f"report.json, or {FAILURE_FILE} of a suite that wrote none",
            next_step="name the module of this release by --module",
        ) from error
    typer.echo(failure.output, err=True)
    return failure.exit_code
