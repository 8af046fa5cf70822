"""The environment of the Go command: made anew, so that nothing of the user's changes a build or its trust."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.core.build_plan import GoBuild
from pipeline.errors import InputError
from pipeline.host.paths import CachePaths

_NETWORK: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_PASSED: Final = (
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GOPROXY",
    "GOSUMDB",
    *_NETWORK,
    *(name.lower() for name in _NETWORK),
)
_PASSED_FOR_CGO: Final = ("CC", "CXX", "CGO_CFLAGS", "CGO_LDFLAGS", "PKG_CONFIG", "PKG_CONFIG_PATH")
_NOT_PASSED: Final = (
    "GOFLAGS",
    "GOROOT",
    "GOENV",
    "GOWORK",
    "GOEXPERIMENT",
    "GODEBUG",
    "GOOS",
    "GOARCH",
    "GOAMD64",
    "GONOPROXY",
    "GOVCS",
)
_WITHOUT_CHECKSUMS: Final = ("GONOSUMDB", "GOPRIVATE", "GOINSECURE")
UNCHECKED: Final = "the checksum database of Go modules is switched off, so an altered module would not be noticed"


def unchecked_settings(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables that switch the checksum database off, for all or for some modules.

    The audit finds the same ones in files. Source: `go help environment`; GONOSUMCHECK and -insecure are of older Gos.
    """
    found = [name for name in _WITHOUT_CHECKSUMS if environment.get(name)]
    if environment.get("GOSUMDB", "").strip() == "off":
        found.insert(0, "GOSUMDB")
    if environment.get("GONOSUMCHECK", "0") not in {"", "0"}:
        found.append("GONOSUMCHECK")
    if any(flag.lstrip("-").partition("=")[0] == "insecure" for flag in environment.get("GOFLAGS", "").split()):
        found.append("GOFLAGS")
    return tuple(found)


def refuse_unchecked_modules(environment: Mapping[str, str]) -> None:
    """Refuse an environment that switches the checksum database off, for all or for some modules.

    Raises: InputError. Source: reliability reference 2.3; an altered module or toolchain would not be noticed.
    """
    if culprits := unchecked_settings(environment):
        name = culprits[0]
        raise InputError(
            UNCHECKED,
            seen=f"{name}={environment[name]}",
            wanted=f"{' and '.join(culprits)} not set",
            where="the environment",
            next_step=f"unset {' '.join(culprits)}; private modules need no exception: --goproxy names the proxy that"
            " serves them, go.sum vouches for them, and --gosumdb names a mirror of the database",
        )


def settings_not_passed(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the user's settings that would change a build, as NAME=value; builds do not see them."""
    return tuple(f"{name}={environment[name]}" for name in _NOT_PASSED if environment.get(name))


def go_environment(user: Mapping[str, str], paths: CachePaths, temporary: str) -> dict[str, str]:
    """Return the environment of every Go command: the cache's own folders, no configuration of the user's.

    Of the user's variables only PATH, network settings, GOPROXY and GOSUMDB are passed. `temporary` is GOTMPDIR.

    Raises: InputError when the user's environment switches the checksum database off.
    """
    refuse_unchecked_modules(user)
    environment = {name: user[name] for name in _PASSED if user.get(name)}
    return environment | {
        "GOCACHE": str(paths.compiled),
        "GOENV": "off",
        # Folders of the module cache are read-only otherwise, and removing them would need a chmod first.
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(paths.modules),
        "GOPATH": str(paths.go),
        "GOTMPDIR": temporary,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "HOME": str(paths.home),
        "LC_ALL": "C",
        "TMPDIR": temporary,
    }


def build_environment(
    base: Mapping[str, str], user: Mapping[str, str], build: GoBuild, platform: str
) -> dict[str, str]:
    """Return the environment of one build: the Go command's, what the plan asks for, and the C compiler's for cgo."""
    compiler = {name: user[name] for name in _PASSED_FOR_CGO if build.cgo and user.get(name)}
    return {**base, **compiler, **dict(build.environment(platform))}


def compiler_identity(user: Mapping[str, str]) -> tuple[str, ...]:
    """Return what tells the C compiler and its flags apart from others, for a content key of a cgo build."""
    program = user.get("CC", "").split(" ")[0] or "gcc"
    found = shutil.which(program, path=user.get("PATH")) or shutil.which("cc", path=user.get("PATH"))
    flags = tuple(f"{name}={user[name]}" for name in _PASSED_FOR_CGO if user.get(name))
    if found is None:
        return (f"no {program}", *flags)
    status = Path(found).stat()
    return (f"{Path(found).resolve()} {status.st_size} {status.st_mtime_ns}", *flags)
