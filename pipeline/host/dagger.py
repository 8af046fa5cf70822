"""Run the suite in Dagger by the `dagger` command: is there an engine, which words, and what came back."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline import __version__
from pipeline.core.components import DEFAULT_COMPONENTS
from pipeline.core.config import CONFIG_FILE
from pipeline.core.config.model import PYPROJECT_FILE
from pipeline.core.plugin_spec import secret_references
from pipeline.errors import InputError, MachineError, ProcessError
from pipeline.host.module_proxy import ModuleProxy, without_password
from pipeline.host.project import Project, find_project

ENGINE_VERSION: Final = "v0.21.8"
"""The release of Dagger that the module is made for, as in dagger.json."""

ANSWER_TIMEOUT_S: Final = 120.0
"""Within that time an engine answers, in seconds; the command may have to start it first."""

_RUNNER_HOST: Final = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
"""Where Dagger's command looks for an engine instead of starting one (its own name, docs.dagger.io)."""

_VARIABLES: Final = (
    ("GO_VERSION", "go-version"),
    ("GOTOOLCHAIN", "gotoolchain"),
    ("FORCE_HOST_GO", "force-host-go"),
)
_CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
_DISTRIBUTION: Final = "kms-e2e"
_REPOSITORY: Final = re.compile(r"Repository,\s*https://(?P<place>\S+?)(?:\.git)?/?")

Ask = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class DaggerRun:
    """One run in Dagger: module, the plugin's project, words of the function, the run's name, where evidence goes.

    `kubernetes` is the version, empty for the module's default; `proxy` where its builds get modules from.
    `environment` is where the variables that decide about Go come from: a module sees none of its caller's.
    `components` are what the scenarios run beside kube-apiserver; `function` is `report`, or `upstream`.
    """

    module: str
    project: Project
    words: tuple[str, ...]
    run_id: str
    report: Path
    kubernetes: str = ""
    proxy: ModuleProxy = field(default_factory=ModuleProxy)
    environment: Mapping[str, str] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    function: str = "report"

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the command. A configuration that the module finds in the source by itself is not named."""
        named = self.project.file.name not in {CONFIG_FILE, PYPROJECT_FILE}
        config = (f"--config={self.project.file.absolute()}",) if named else ()
        version = (f"--kubernetes={self.kubernetes}",) if self.kubernetes else ()
        # One image serves as many selections as it can, so the module's own choice is left when it is enough.
        more = tuple(dict.fromkeys((*DEFAULT_COMPONENTS, *self.components)))
        components = (f"--components={','.join(more)}",) if more != DEFAULT_COMPONENTS else ()
        variables = tuple(f"--{name}={self.environment[key]}" for key, name in _VARIABLES if self.environment.get(key))
        modules = tuple(f"{option}={value}" for option, value in self.proxy.given.items())
        secrets = tuple(f"--secrets={uri}" for uri in secret_uris(self.project))
        constructor = (f"--run-id={self.run_id}", f"--source={self.project.root}", *config, *version, *components)
        export = ("directory", "export", f"--path={self.report}")
        words = (*constructor, *variables, *modules, *secrets, self.function, *self.words, *export)
        return ("dagger", "call", "-m", self.module, *words)


def secret_uris(project: Project) -> tuple[str, ...]:
    """Return the secrets that a plugin, its side services and the plugin it is migrated to refer to, each once.

    Raises: InputError when the second plugin cannot be read.
    """
    config = project.config
    second = find_project(project.root / config.migrate_to).config if config.migrate_to else None
    found = [
        source.uri
        for item in (config, second)
        if item is not None
        for _, source in secret_references(item.run.secrets, item.services)
    ]
    return tuple(dict.fromkeys(found))


def ask(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that answers at once, and return its output.

    Raises: MachineError when it does not end within ANSWER_TIMEOUT_S.
    """
    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MachineError(
            "the dagger command does not answer", seen=f"nothing within {ANSWER_TIMEOUT_S:.0f} s", where=" ".join(words)
        ) from error


def engine_problem(ask: Ask = ask) -> str:
    """Return why no engine of the wanted release can be used, or nothing when one answers."""
    if shutil.which("dagger") is None:
        return "no dagger command on PATH"
    # The command tries to reach a socket that is not there for minutes.
    scheme, _, place = os.environ.get(_RUNNER_HOST, "").partition("://")
    if scheme == "unix" and not Path(place).is_socket():
        return f"no Dagger engine answers: {_RUNNER_HOST} names {place}, which is no socket"
    for words in (("dagger", "version"), ("dagger", "core", "version")):
        try:
            answer = ask(words)
        except MachineError as error:
            return f"{error.what}: {error.seen}"
        if answer.returncode:
            return f"no Dagger engine answers: {_last_line(answer.stderr)}"
        if ENGINE_VERSION not in answer.stdout.split():
            return f"`{' '.join(words)}` says {answer.stdout.strip()!r}, wanted is {ENGINE_VERSION}"
    return ""


def assert_engine(ask: Ask = ask) -> None:
    """Refuse a machine without an engine.

    Raises: MachineError.
    """
    problem = engine_problem(ask)
    if problem:
        raise MachineError(
            "the suite cannot run in Dagger",
            seen=problem,
            wanted=f"a Dagger engine {ENGINE_VERSION}",
            where="--runner dagger",
            next_step="install Dagger and start its engine (docs.dagger.io), or run on the host: --runner host",
        )


def module_reference(asked: str, checkout: Path = _CHECKOUT) -> str:
    """Return the Dagger module: as asked, else this checkout, else the tag of this release in its repository.

    Raises: InputError when this is no checkout and the package names no repository.
    """
    if asked:
        return asked
    if (checkout / "dagger.json").is_file():
        return str(checkout)
    for url in importlib.metadata.metadata(_DISTRIBUTION).get_all("Project-URL") or []:
        match = _REPOSITORY.fullmatch(url)
        if match:
            return f"{match['place']}@v{__version__}"
    raise InputError(
        "nothing says where the Dagger module is",
        seen="neither a checkout of the project nor a package that names its repository",
        next_step=f"name it by --module: a checkout's folder, or REPOSITORY@v{__version__}",
    )


def run_in_dagger(run: DaggerRun) -> None:
    """Run the suite and export its evidence; what Dagger shows goes to standard error.

    Raises: ProcessError when Dagger could not run it. A suite that found failures is none.
    """
    code = subprocess.run(run.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode
    if code:
        raise ProcessError(
            "Dagger did not run the suite",
            seen=f"exit code {code}; the lines above say why",
            wanted="exit code 0",
            where=without_password(" ".join(run.argv)),
            next_step="correct what they name; with the same --run-id what has finished is not run again",
        )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1][-300:]
