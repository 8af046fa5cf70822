"""Arguments that several functions share, with their help texts."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import dagger
from dagger import DefaultPath, Doc, Ignore, Name

Source: TypeAlias = Annotated[
    dagger.Directory,
    Doc("Repository of the plugin, with its .go-version; the caller's own by default."),
    DefaultPath("."),
    Ignore([".git", "**/.venv", "**/__pycache__", "**/.*_cache", "**/node_modules", "_artifacts", "sdk"]),
]
Focus: TypeAlias = Annotated[
    str, Doc("Only scenarios whose id or title matches this regular expression; all by default.")
]
Skip: TypeAlias = Annotated[str, Doc("No scenario whose id or title matches this regular expression; none by default.")]
Family: TypeAlias = Annotated[list[str] | None, Doc("Only these families, such as A or wire,rotation; all by default.")]
Parallel: TypeAlias = Annotated[int, Doc("Number of workers; 0, the default: two a processor, at most 8.")]
Shard: TypeAlias = Annotated[str, Doc("Part K of N of the scenarios as K/N; 1/1, all, by default.")]
Fast: TypeAlias = Annotated[
    bool,
    Doc("Only the tier of a minute: nothing that waits for intervals of minutes; off by default."),
]

TestFocus: TypeAlias = Annotated[
    str,
    Doc("Only tests whose name matches this regular expression; those marked [Conformance] by default, all if empty."),
]
TestSkip: TypeAlias = Annotated[
    str, Doc("No test whose name matches this regular expression; those marked [Serial] by default, none if empty.")
]
LabelFilter: TypeAlias = Annotated[str, Doc("Ginkgo's filter by labels, such as 'sig-auth && !Slow'; none by default.")]
TestParallel: TypeAlias = Annotated[int, Doc("Number of tests at a time; 0, the default: 12.")]
Plain: TypeAlias = Annotated[bool, Doc("Encrypt nothing, to compare with; off by default.")]

Words: TypeAlias = list[str]
GoVersionText: TypeAlias = Annotated[
    str, Doc("Go version such as 1.26.10 (GO_VERSION); that of .go-version by default."), Name("goVersion")
]
GoToolchainText: TypeAlias = Annotated[
    str, Doc("Toolchain such as go1.26.10 (GOTOOLCHAIN), stronger than go-version; none by default.")
]
ForceHostGo: TypeAlias = Annotated[str, Doc("Refused when not empty: a container has no Go of the caller's.")]
GoBase: TypeAlias = Annotated[
    dagger.Container | None, Doc("Container with a Go command; golang:<version>-bookworm by default.")
]
GoProxy: TypeAlias = Annotated[str, Doc("Module proxy (GOPROXY); Go's own by default.")]
GoSumDatabase: TypeAlias = Annotated[str, Doc("Checksum database (GOSUMDB); Go's own by default.")]
ModuleCache: TypeAlias = Annotated[
    dagger.CacheVolume | None, Doc("Cache volume for Go modules; one of this module by default.")
]
BuildCache: TypeAlias = Annotated[
    dagger.CacheVolume | None, Doc("Cache volume for Go builds; one for each Go release by default.")
]
ConfigFile: TypeAlias = Annotated[
    dagger.File | None, Doc("How to build and run the plugin; kms-e2e.toml of the source by default.")
]
Secrets: TypeAlias = Annotated[
    list[dagger.Secret] | None,
    Doc("Secrets that kms-e2e.toml refers to, such as env://CI_TOKEN; none by default."),
]
KubernetesVersion: TypeAlias = Annotated[
    str, Doc("Kubernetes line or version, such as 1.37 or 1.37.2; that of kms-e2e.toml, else the newest, by default.")
]
Components: TypeAlias = Annotated[
    Words | None,
    Doc("Programs of Kubernetes that scenarios run beside kube-apiserver; kube-controller-manager by default."),
]
SuiteBase: TypeAlias = Annotated[
    dagger.Container | None, Doc("Container with Python 3.11 or newer; python:3.13-slim by default.")
]
RunId: TypeAlias = Annotated[str, Doc("Name of this run: calls with the same one share one run; a new one by default.")]
Hosts: TypeAlias = Annotated[Words | None, Doc("Further host names of the service; none by default.")]
