"""Find a plugin's `kms-e2e.toml` and what stands beside it. Without one it is the reference plugin of this project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.config import CONFIG_FILE, Config, config_from_pyproject, config_from_toml, plugin_spec
from pipeline.core.config.model import PYPROJECT_FILE
from pipeline.core.kubernetes import FOLDER, MOCK_PLUGIN
from pipeline.core.plugin_spec import PluginSpec
from pipeline.errors import InputError

_MOCK_CONFIG: Final = FOLDER / "mock.toml"
_OWN: Final = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Project:
    """A configured plugin: the folder that its paths are relative to, the configuration, and the file it stands in."""

    root: Path
    config: Config
    file: Path


def find_project(place: Path | None) -> Project:
    """Return the project in a folder or of a file; for None that of the current folder, else the reference plugin.

    The KMS mock of a Kubernetes source tree needs no configuration: ours says how it runs.

    Raises: InputError when there is no configuration at `place`, or it cannot be used.
    """
    if place is None:
        return _in_folder(Path()) or reference_project()
    if place.is_dir():
        return _in_folder(place) or _mock_of_a_tree(place) or _missing(place)
    config = _read(place)
    return Project(place.absolute().parent, config, place) if config else _missing(place)


def has_project(folder: Path) -> bool:
    """Tell whether a folder has a configuration, or needs none.

    Raises: InputError when it cannot be used.
    """
    return (_in_folder(folder) or _mock_of_a_tree(folder)) is not None


def reference_project() -> Project:
    """Return the reference plugin: this project's own configuration.

    Raises: InputError when this is not a checkout: the plugin's source is not part of the installed package.
    """
    found = _in_folder(_OWN) if (_OWN / "plugins").is_dir() else None
    if found is None:
        raise InputError(
            "the source of the reference plugin is not here",
            seen=f"no {CONFIG_FILE} with the plugin's source",
            where=str(_OWN),
            next_step=f"name the folder of a plugin with a {CONFIG_FILE} by --config, or run from a checkout of the"
            " project",
        )
    return found


def reference_spec() -> PluginSpec:
    """Return how the reference plugin is run, and its hooks."""
    return plugin_spec(reference_project().config)


def _in_folder(folder: Path) -> Project | None:
    for name in (CONFIG_FILE, PYPROJECT_FILE):
        path = folder / name
        config = _read(path) if path.is_file() else None
        if config is not None:
            return Project(folder.absolute(), config, path)
    return None


def _mock_of_a_tree(folder: Path) -> Project | None:
    root = folder.absolute()
    if not root.as_posix().endswith(f"/{MOCK_PLUGIN}") or not (root / "go.mod").is_file():
        return None
    return Project(
        root, config_from_toml(_MOCK_CONFIG.read_text(encoding="utf-8"), where=str(_MOCK_CONFIG)), _MOCK_CONFIG
    )


def _read(path: Path) -> Config | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError("the plugin's configuration cannot be read", seen=str(error), where=str(path)) from error
    if path.name == PYPROJECT_FILE:
        return config_from_pyproject(text, where=str(path))
    return config_from_toml(text, where=str(path))


def _missing(place: Path) -> Project:
    raise InputError(
        "nothing says how to build and run the plugin",
        seen=f"neither {CONFIG_FILE} nor a table [tool.kms-e2e] in {PYPROJECT_FILE}",
        wanted=f"a {CONFIG_FILE}",
        where=str(place),
        next_step="write one with `kms-e2e init`, in the folder of the plugin's repository",
    )
