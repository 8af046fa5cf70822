"""Where in a source tree the plugin is, how it is run, and which part of the tree decides its bytes."""

from __future__ import annotations

import posixpath
import re
from typing import Final

import dagger
from dagger import dag

from pipeline.core.build_plan import PluginSource
from pipeline.core.plugin_spec import plugin_spec_from_json
from pipeline.core.reference import REFERENCE_SOURCE, reference_spec
from pipeline.errors import InputError

PLUGIN_FILE: Final = "plugin.json"
_LOCAL_REPLACE: Final = re.compile(r"=>\s*\"?(\.\.?(?:/[^\s\"]*)?)\"?\s*(?://.*)?$", re.MULTILINE)


async def locate(source: dagger.Directory, asked: PluginSource) -> PluginSource:
    """Return where the plugin's module is: as asked, else the source's own folder, else this project's plugin.

    Raises: InputError when there is no go.mod, or go.sum vouches for a toolchain.
    """
    module = asked.module
    if module == "." and not await source.exists("go.mod") and await source.exists(f"{REFERENCE_SOURCE.module}/go.mod"):
        module = REFERENCE_SOURCE.module
    if not await source.exists(f"{module}/go.mod"):
        raise InputError(
            "the plugin's source is no Go module",
            seen=f"no go.mod in {module!r}; the source holds {', '.join((await source.entries())[:20]) or 'nothing'}",
            wanted="the folder that holds go.mod",
            where="the arguments source and module",
            next_step="pass --source with the plugin's repository, and --module with the folder of go.mod in it",
        )
    await _assert_no_toolchain_sum(source, f"{module}/go.sum")
    return PluginSource(module, asked.package, asked.tags, asked.ldflags, asked.cgo)


async def module_tree(source: dagger.Directory, module: str) -> dagger.Directory:
    """Return the part of a source that decides a plugin's bytes: its module, and local ones that replace others."""
    if module == ".":
        return source
    text = await source.file(f"{module}/go.mod").contents()
    folders = [module, *(posixpath.normpath(posixpath.join(module, path)) for path in _LOCAL_REPLACE.findall(text))]
    if any(folder == "." or folder.startswith("..") for folder in folders):
        return source
    tree = dag.directory()
    for folder in folders:
        tree = tree.with_directory(folder, source.directory(folder))
    return tree


async def plugin_description(source: dagger.Directory, module: str, spec: dagger.File | None) -> str:
    """Return the plugin.json of the plugin under test: the one given, else the reference plugin's or the source's.

    Raises: InputError when there is none, or it cannot be used.
    """
    if spec is None and module == REFERENCE_SOURCE.module:
        return reference_spec().to_json()
    if spec is None and await source.exists(PLUGIN_FILE):
        spec = source.file(PLUGIN_FILE)
    if spec is None:
        raise InputError(
            "nothing says how to run the plugin",
            seen=f"no {PLUGIN_FILE} in the source and no argument plugin-json",
            wanted="a plugin.json: name, argv with {socket}, and the hooks that only the plugin's author can supply",
            next_step="write plugin.json into the source's folder, or pass --plugin-json=FILE",
        )
    return plugin_spec_from_json(await spec.contents(), where=PLUGIN_FILE).to_json()


async def _assert_no_toolchain_sum(source: dagger.Directory, path: str) -> None:
    """Refuse a go.sum that vouches for a Go toolchain. Source: CVE-2026-94447."""
    if not await source.exists(path):
        return
    lines = (await source.file(path).contents()).splitlines()
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("golang.org/toolchain"):
            raise InputError(
                "a checksum of a Go toolchain is written in the project itself, which could let an altered one in",
                seen=line.strip()[:120],
                wanted="no line for golang.org/toolchain",
                where=f"{path}:{number}",
                next_step="remove the line; the checksum database vouches for toolchains",
            )
