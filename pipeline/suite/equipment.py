"""Read the folder of binaries that a run is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.plugin_spec import SECOND_FOLDER, PluginSpec, plugin_spec_from_json
from pipeline.errors import InputError
from pipeline.harness.control_plane import Equipment
from pipeline.harness.evidence import Evidence
from pipeline.harness.ports import assert_loopback
from pipeline.report.files import PROVENANCE_FILE
from pipeline.report.provenance import read_provenance


def load_equipment(assets: Path | None, report: Path | None) -> Equipment:
    """Return the equipment of a run from its two folders.

    Raises: InputError when a folder or plugin.json is missing or cannot be read.
    """
    if assets is None or report is None:
        raise InputError(
            "the folders of the run are not given", wanted="--kms-assets DIR --kms-report DIR", where="command line"
        )
    assets, evidence = assets.resolve(), Evidence(report.resolve())
    second = assets / SECOND_FOLDER
    other = Equipment(second, _read_spec(second), evidence) if second.is_dir() else None
    return Equipment(assets, _read_spec(assets), evidence, other, kubernetes_of(assets))


def _read_spec(assets: Path) -> PluginSpec:
    description = assets / "plugin.json"
    try:
        text = description.read_text()
    except OSError as error:
        raise InputError(
            "the folder of binaries has no description of a plugin",
            seen=str(error),
            wanted="plugin.json beside kube-apiserver and etcd",
            where=str(description),
            next_step="make the folder with `kms-e2e build`",
        ) from error
    return plugin_spec_from_json(text, where=str(description))


def kubernetes_of(assets: Path) -> str:
    """Return the version of kube-apiserver that provenance.json names, such as `v1.37.2`; empty when it names none."""
    return read_provenance(assets / PROVENANCE_FILE, []).kubernetes


def assert_control_plane(assets: Path) -> None:
    """Assert that kube-apiserver and etcd can be started and reached.

    Raises: InputError naming what is missing; MachineError without a loopback interface.
    """
    assert_programs(assets, ("kube-apiserver", "etcd"), next_step="make the folder with `kms-e2e build`")
    assert_loopback()


def assert_programs(assets: Path, names: Sequence[str], *, next_step: str) -> None:
    """Assert that a folder of binaries holds these programs.

    Raises: InputError naming the first that is missing.
    """
    for name in names:
        if not os.access(assets / name, os.X_OK):
            raise InputError(
                f"{name} cannot be started",
                seen="no such executable",
                wanted="an executable file",
                where=str(assets / name),
                next_step=next_step,
            )
