"""The image that the suite runs in, and one run of the suite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dagger
from dagger import dag

from pipeline.containers.images import SUITE_IMAGE, install_packages
from pipeline.containers.messages import finished
from pipeline.containers.requirements import LOCK_FILE, suite_requirements
from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.upstream import DEFAULT_FOCUS, DEFAULT_SKIP
from pipeline.errors import InputError

PROGRAM_FOLDER: Final = "/opt/kms-e2e"
ASSETS_FOLDER: Final = "/assets"
REPORT_FOLDER: Final = "/report"
_FOLDERS: Final = ("--assets", ASSETS_FOLDER, "--report", REPORT_FOLDER)
SUITE_LINE: Final = ("python", "-m", "pipeline.suite", *_FOLDERS)
_WITH_PARENT: Final = ("python", "-m", "pipeline.suite.parent", *_FOLDERS)
_HOME: Final = "/root"
_MIRROR: Final = "name an image that exists (--suite-base), or a package mirror in that image's pip configuration"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which scenarios a run takes and with how many workers; empty values take all and let the suite decide."""

    focus: str = ""
    skip: str = ""
    family: tuple[str, ...] = ()
    parallel: int = 0
    shard: str = "1/1"
    fast: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the suite's command line; what is default is left out."""
        options = (("--focus", self.focus), ("--skip", self.skip))
        words = [f"{name}={value}" for name, value in options if value]
        words += [f"--parallel={self.parallel}"] if self.parallel else []
        words += [f"--shard={self.shard}"] if self.shard != "1/1" else []
        words += ["--fast"] if self.fast else []
        return (*words, *(["--family", *self.family] if self.family else []))


@dataclass(frozen=True, slots=True)
class UpstreamSelection:
    """Which of Kubernetes' own tests, by upstream's flags: its own selection by default.

    An empty focus or skip leaves out nothing.
    """

    focus: str = DEFAULT_FOCUS
    skip: str = DEFAULT_SKIP
    label_filter: str = ""
    parallel: int = 0
    plain: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the suite's command line; focus and skip always, since empty ones are no defaults."""
        words = [f"--focus={self.focus}", f"--skip={self.skip}"]
        words += [f"--label-filter={self.label_filter}"] if self.label_filter else []
        words += [f"--parallel={self.parallel}"] if self.parallel else []
        return ("--suite=upstream", *words, *(["--plain"] if self.plain else []))


async def suite_container(own: dagger.Directory, base: dagger.Container | None) -> dagger.Container:
    """Return a container with the suite and its locked dependencies; `own` is this module's source.

    Raises: BuildError when the image or a package cannot be had.
    """
    requirements = suite_requirements(await own.file(LOCK_FILE).contents())
    environment = f"{PROGRAM_FOLDER}/venv"
    pip = [f"{environment}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    file = f"{PROGRAM_FOLDER}/requirements.txt"
    container = (
        (base or dag.container().from_(SUITE_IMAGE))
        .with_new_file(file, requirements)
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("kms-e2e-pip"))
        # Apart from what the image's own Python has, which may be an operating system's.
        .with_exec(["python", "-m", "venv", environment])
        .with_exec([*pip, "--no-deps", "--require-hashes", "--requirement", file])
        .without_mount("/root/.cache/pip")
        .with_env_variable("PATH", f"{environment}/bin:$PATH", expand=True)
        .with_env_variable("PYTHONPATH", PROGRAM_FOLDER)
        .with_env_variable("PYTHONDONTWRITEBYTECODE", "1")
        .with_env_variable("PYTHONUNBUFFERED", "1")
    )
    return await finished(container, "installing the suite's dependencies", next_step=_MIRROR)


def with_program(container: dagger.Container, own: dagger.Directory, assets: dagger.Directory) -> dagger.Container:
    """Add the binaries and the suite's own files; the binaries first, so that an edit of the suite copies them not."""
    return (
        container.with_directory(ASSETS_FOLDER, assets)
        .with_directory(f"{PROGRAM_FOLDER}/pipeline", own.directory("pipeline"), exclude=["**/__pycache__"])
        .with_new_file(f"{REPORT_FOLDER}/.keep", "")
        .with_workdir(PROGRAM_FOLDER)
        .with_default_args(list(SUITE_LINE))
    )


async def with_packages(container: dagger.Container, packages: Sequence[str]) -> dagger.Container:
    """Add Debian packages that the plugin needs when it runs.

    Raises: BuildError when one cannot be had.
    """
    if not packages:
        return container
    step = "correct run.system_packages in kms-e2e.toml, or pass a Debian image as --suite-base"
    return await finished(container.with_exec(install_packages(packages)), "installing packages", next_step=step)


async def with_secrets(
    container: dagger.Container, specs: Sequence[PluginSpec], secrets: Sequence[dagger.Secret]
) -> dagger.Container:
    """Hand over the secrets that plugins refer to; their values are in no layer and no cache.

    Raises: InputError naming one that was not passed.
    """
    passed = {await secret.uri(): secret for secret in secrets}
    for spec in specs:
        for name, source in spec.all_secrets():
            uri = source.uri
            if uri not in passed:
                raise InputError(
                    f"the secret {name} was not passed",
                    seen=", ".join(passed) or "no secret",
                    wanted=uri,
                    where="the argument secrets",
                    next_step=f"pass --secrets={uri}",
                )
            if source.env:
                container = container.with_secret_variable(source.env, passed[uri])
            else:
                # The suite in the container finds `~` where its root user is at home.
                path = re.sub(r"^~(?=/)", _HOME, source.file)
                container = container.with_mounted_secret(path, passed[uri])
    return container


def run_suite(
    image: dagger.Container, run_id: str, selection: Selection | UpstreamSelection, more: Sequence[str] = ()
) -> dagger.Container:
    """Return the container after one run of the suite, whatever its exit code.

    The run id is part of the command, so that another run is never taken for this one. A parent outlives a suite that
    is killed, since Dagger shows nothing of an exec that ends with a code from 128 to 191.
    """
    words = [*_WITH_PARENT, f"--run-id={run_id}", *selection.words, *more]
    return image.with_exec(words, expect=dagger.ReturnType.ANY)
