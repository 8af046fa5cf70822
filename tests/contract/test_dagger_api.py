"""The module's registered API is what the reviewed snapshot says.

After a wanted change: `python tests/contract/test_dagger_api.py > tests/contract/snapshots/dagger-api.txt`.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from dagger.mod import object_type
from dagger.mod._module import Module

import pipeline.main as registered  # registers the objects

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).parent / "snapshots" / "dagger-api.txt"
# The SDK keeps its registry to itself, and its decorators are methods of it at run time only.
module: Module = attrgetter("__self__")(object_type)


def lines() -> Iterator[str]:
    """Return the registered objects, functions and arguments, a line each."""
    for name, kind in sorted(module._objects.items()):
        yield f"object {name}"
        yield from (f"  field {attribute}" for attribute in kind.fields)
        functions = {title: function for title, function in kind.functions.items() if title}
        if name == "Kms":  # the other objects are made by its functions only
            functions["constructor"] = kind.get_constructor()
        for title, function in sorted(functions.items()):
            marks = " check" if function.check else ""
            cache = f" cache={function.cache_policy}" if function.cache_policy else ""
            yield f"  {title}{marks}{cache}: {function.doc or ''}"
            for parameter in function.parameters.values():
                default = f" = {parameter.default_value}" if parameter.default_value is not None else ""
                path = f" = path {parameter.default_path}" if parameter.default_path else ""
                yield f"    {parameter.name}{default}{path}: {parameter.doc or 'UNDOCUMENTED'}"


def test_the_api_is_the_reviewed_one() -> None:
    assert registered.Kms.__name__ in module._objects
    assert "\n".join(lines()) + "\n" == SNAPSHOT.read_text()


def test_every_function_and_argument_says_what_it_is() -> None:
    text = SNAPSHOT.read_text()
    assert "UNDOCUMENTED" not in text
    assert not re.findall(r"^  [a-z_]+[^:\n]*: $", text, re.MULTILINE)


def test_green_is_never_remembered() -> None:
    assert json.loads((ROOT / "dagger.json").read_text())["disableDefaultFunctionCaching"] is True


def test_every_documented_call_names_a_function() -> None:
    known = {name.replace("kms_e2e", "kms_e_2_e").replace("_", "-") for name in module._objects["Kms"].functions}
    known.add("kms-e2e")  # dagger check takes the plain name
    text = "\n".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    called = re.findall(r"dagger (?:call|check)(?: -m \S+)?(?: --[a-z-]+=(?:\"[^\"]*\"|\S+))* ([a-z][a-z0-9-]+)", text)
    assert called
    assert set(called) <= known


def test_every_documented_check_pattern_finds_a_check() -> None:
    """A pattern that matches nothing ends with success in v0.21.8, so a wrong one would never be noticed."""
    plain = {name.replace("_", "-") for name, function in module._objects["Kms"].functions.items() if function.check}
    files = [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(path for path in (ROOT / "ci").rglob("*") if path.is_file()),
        *ROOT.glob("examples/**/*.md"),
    ]
    text = "\n".join(path.read_text() for path in files)
    patterns = re.findall(r"dagger check(?: -m \S+)?(?: --?[a-z]+)* ((?:kms:)?[a-z*][a-z0-9*-]*)", text)
    assert patterns
    assert [name for name in patterns if not fnmatch.filter(plain, name.removeprefix("kms:"))] == []


if __name__ == "__main__":
    print("\n".join(lines()))
