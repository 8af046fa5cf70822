"""What a run of upstream's tests is asked for, and which tests that makes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.upstream import DEFAULT_FOCUS
from pipeline.errors import InputError
from pipeline.report import files
from pipeline.suite.upstream.ginkgo import TestSelection, select_tests
from pipeline.suite.upstream.needs_a_node import NodeList, read_node_list


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What to run: binaries, where evidence goes, which tests.

    `procs` is the number of tests that run at a time, 0 for the default. `verify_list` runs the tests that need a node
    too, which takes their time-outs, to see that each still fails. `report_prefix` is part of the JUnit file's name.
    `plain` leaves every resource unencrypted, to compare with.
    """

    assets: Path
    report: Path
    selection: TestSelection = field(default_factory=TestSelection)
    procs: int = 0
    report_prefix: str = ""
    verify_list: bool = False
    run_id: str = ""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Which tests a run has: selected, planned of them, left out for want of a node, and what the list says of all."""

    kubernetes: str
    selected: tuple[str, ...]
    listed: NodeList
    existing: tuple[str, ...]
    verify_list: bool = False
    plain: bool = False

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the selected tests that are not run."""
        needs = {} if self.verify_list else self.listed.needs
        return tuple(name for name in self.selected if name in needs or name in self.listed.proves_nothing)

    @property
    def planned(self) -> tuple[str, ...]:
        """Return the tests that are run."""
        left_out = set(self.left_out)
        return tuple(name for name in self.selected if name not in left_out)


def make_plan(request: UpstreamRequest) -> Plan:
    """Ask upstream's program which tests the selection takes in, and compare them with the list of the version.

    Raises: InputError when nothing is selected, all of it needs a node, or the binaries' version is not known.
    """
    kubernetes = kubernetes_of(request.assets)
    listed = read_node_list(kubernetes.removeprefix("v").rpartition(".")[0])
    selected = select_tests(request.assets, request.selection)
    existing = select_tests(request.assets, TestSelection(DEFAULT_FOCUS, skip=""))
    plan = Plan(kubernetes, selected, listed, existing, request.verify_list, request.plain)
    if not plan.planned:
        raise InputError(
            "all selected tests need a node",
            seen=", ".join(f"{name} ({listed.why(name)})" for name in plan.left_out[:3]),
            wanted="a test that the simulated nodes can serve",
            where="--focus, --skip, --label-filter",
            next_step="--verify-list runs them all the same, to see that they still fail",
        )
    return plan


def kubernetes_of(assets: Path) -> str:
    """Return the Kubernetes version of a folder of binaries, such as `v1.37.2`, from its provenance.json.

    Raises: InputError when the file is missing or names none.
    """
    path = assets / files.PROVENANCE_FILE
    try:
        version = str(json.loads(path.read_text(encoding="utf-8"))["kubernetes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("the version of the binaries is not known", seen=str(error), where=str(path)) from error
    return version
