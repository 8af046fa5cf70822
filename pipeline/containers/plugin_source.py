"""What a source's `kms-e2e.toml` says, and which parts of the source make the plugin."""

from __future__ import annotations

import posixpath

import dagger
from dagger import dag

from pipeline.core.build_plan import PLUGIN_BINARY, PluginSource
from pipeline.core.config import CONFIG_FILE, Config, ImageStart, config_from_pyproject, config_from_toml, plugin_spec
from pipeline.core.config.model import PYPROJECT_FILE, Image
from pipeline.core.config.spec import ROOT_FOLDER
from pipeline.core.go_module import SUM_FILES, local_replacements, refuse_toolchain_sum
from pipeline.core.plugin_spec import PluginSpec
from pipeline.errors import InputError


async def read_config(source: dagger.Directory, file: dagger.File | None) -> Config:
    """Return the plugin's configuration: of the file, else of the source.

    Raises: InputError when there is none, or it cannot be used.
    """
    config = await find_config(source, file)
    if config is None:
        raise InputError(
            "nothing says how to build and run the plugin",
            seen=f"the source holds {', '.join((await source.entries())[:20]) or 'nothing'}",
            wanted=f"a {CONFIG_FILE}, or a table [tool.kms-e2e] in {PYPROJECT_FILE}",
            where="the arguments source and config",
            next_step="write one with `kms-e2e init`, or pass --source with the plugin's repository, or --config=FILE",
        )
    return config


async def find_config(source: dagger.Directory, file: dagger.File | None) -> Config | None:
    """Return the plugin's configuration, None when there is none.

    Raises: InputError when it cannot be used.
    """
    if file is not None:
        return config_from_toml(await file.contents(), where=await file.name())
    if await source.exists(CONFIG_FILE):
        return config_from_toml(await source.file(CONFIG_FILE).contents())
    if await source.exists(PYPROJECT_FILE):
        return config_from_pyproject(await source.file(PYPROJECT_FILE).contents(), where=PYPROJECT_FILE)
    return None


async def locate(source: dagger.Directory, config: Config) -> PluginSource:
    """Return where the plugin's Go module is.

    Raises: InputError when the plugin is not built from Go, there is no go.mod, or go.sum vouches for a toolchain.
    """
    if config.go is None:
        raise InputError(
            "this plugin is not built from Go source",
            seen=f"plugin {config.name}",
            wanted=f"a table [go] in {CONFIG_FILE}",
            next_step="call a function that needs no Go build, such as report",
        )
    module = config.go.module
    if not await source.exists(f"{module}/go.mod"):
        raise InputError(
            "the plugin's source is no Go module",
            seen=f"no go.mod in {module!r}; the source holds {', '.join((await source.entries())[:20]) or 'nothing'}",
            wanted="the folder that holds go.mod",
            where=f"module in the table [go] of {CONFIG_FILE}",
            next_step="correct it, or pass --source with the plugin's repository",
        )
    for path in (f"{module}/{name}" for name in SUM_FILES):
        if await source.exists(path):
            refuse_toolchain_sum((await source.file(path).contents()).splitlines(), path)
    return config.go


async def module_tree(source: dagger.Directory, go: PluginSource) -> dagger.Directory:
    """Return the part of a source that decides a plugin's bytes: its module, and local ones that replace others."""
    if go.module == "." or go.workspace:
        return source
    text = await source.file(f"{go.module}/go.mod").contents()
    folders = [
        go.module,
        *(posixpath.normpath(posixpath.join(go.module, path)) for path in local_replacements(text)),
    ]
    if any(folder == "." or folder.startswith(("..", "/")) for folder in folders):
        return source
    tree = dag.directory()
    for folder in folders:
        tree = tree.with_directory(folder, source.directory(folder))
    return tree


async def description(source: dagger.Directory, config: Config) -> PluginSpec:
    """Return how the suite runs the plugin.

    Raises: InputError when its image cannot be had, is of another platform, or names no command.
    """
    if config.image is None:
        return plugin_spec(config)
    image = await _image(source, config.image)
    variables = [(await item.name(), await item.value()) for item in await image.env_variables()]
    words = [*(await image.entrypoint() or []), *(await image.default_args() or [])]
    start = ImageStart(tuple(words), tuple(variables), await image.user(), await image.workdir())
    return plugin_spec(config, image=start)


async def parts(source: dagger.Directory, config: Config) -> dagger.Directory:
    """Return what the folder of binaries gets beside compiled ones: a program, an image's files, included files.

    Raises: InputError when one of them is not there.
    """
    folder = dag.directory()
    if config.program is not None:
        await _assert_exists(source, config.program.path)
        folder = folder.with_file(PLUGIN_BINARY, source.file(config.program.path))
    if config.image is not None:
        folder = folder.with_directory(ROOT_FOLDER, (await _image(source, config.image)).rootfs())
    for name in config.run.include:
        await _assert_exists(source, name)
        is_folder = await source.exists(name, expected_type=dagger.ExistsType.DIRECTORY_TYPE)
        folder = (
            folder.with_directory(name, source.directory(name))
            if is_folder
            else folder.with_file(name, source.file(name))
        )
    return folder


async def second_place(source: dagger.Directory, config: Config) -> tuple[dagger.Directory, dagger.File | None]:
    """Return source and configuration of the plugin that `migrate_to` names.

    Raises: InputError when it is not in the source.
    """
    path = posixpath.normpath(config.migrate_to)
    if path.startswith(("..", "/")):
        raise InputError(
            "the second plugin lies outside the source",
            seen=config.migrate_to,
            wanted="a folder or file of the repository",
            where=f"migrate_to of {CONFIG_FILE}",
            next_step="pass the folder around both plugins as --source, and the first one's file as --config",
        )
    await _assert_exists(source, path)
    if await source.exists(path, expected_type=dagger.ExistsType.DIRECTORY_TYPE):
        return source.directory(path), None
    folder = posixpath.dirname(path) or "."
    return source.directory(folder), source.file(path)


async def _image(source: dagger.Directory, image: Image) -> dagger.Container:
    if image.archive:
        await _assert_exists(source, image.archive)
        container = dag.container().import_(source.file(image.archive))
    else:
        container = dag.container().from_(image.reference)
    try:
        found, wanted = str(await container.platform()), str(await dag.default_platform())
    except dagger.QueryError as error:
        name = image.archive or image.reference
        raise InputError(
            "the plugin's image cannot be had",
            seen=str(error)[:300],
            where=name,
            next_step="name an image that exists, or an archive that `docker save` wrote",
        ) from error
    if found != wanted:
        raise InputError(
            "the plugin's image is of another platform",
            seen=found,
            wanted=wanted,
            where=image.archive or image.reference,
            next_step="name an image for this platform, or run on such a machine",
        )
    return container


async def _assert_exists(source: dagger.Directory, name: str) -> None:
    if not await source.exists(name):
        raise InputError(
            "a file of the plugin is not there",
            seen=f"no {name}; the source holds {', '.join((await source.entries())[:20]) or 'nothing'}",
            where=CONFIG_FILE,
            next_step="build the program before, or correct its path",
        )
