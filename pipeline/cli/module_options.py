"""The options that say where Go modules come from, shared by the commands that build or fetch."""

from __future__ import annotations

from typing import Annotated

import typer

GoProxyOption = Annotated[
    str | None,
    typer.Option(
        "--goproxy", metavar="URL", help="Module proxy, private ones too; GOPROXY of the environment, else Go's own."
    ),
]
GoSumDatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--gosumdb",
        metavar="'NAME[+KEY] [URL]'",
        help="Checksum database or its mirror; Go's own by default. It cannot be switched off.",
    ),
]
