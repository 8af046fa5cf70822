"""The options that select scenarios, shared by the commands that run some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

IdsOption = Annotated[list[str] | None, typer.Option("--id", help="Only this scenario, such as A05. May be repeated.")]
FamilyOption = Annotated[
    list[str] | None, typer.Option("--family", help="Only this family, such as A or wire. May be repeated.")
]
FocusOption = Annotated[
    str | None,
    typer.Option(
        help="Only scenarios whose id or title, upstream tests whose name, or rows of costs whose name matches this "
        "regular expression; upstream: those marked Conformance."
    ),
]
SkipOption = Annotated[
    str | None,
    typer.Option(help="No scenario or test that matches this regular expression; upstream: those marked Serial."),
]
FastOption = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="The tier of a minute: nothing that waits for intervals of minutes or restarts kube-apiserver often.",
    ),
]
SoakOption = Annotated[bool, typer.Option("--soak", help="Take in scenarios that run for minutes on purpose.")]
ParallelOption = Annotated[
    int,
    typer.Option(min=0, help="Number of busy workers; 0: two a processor. Scenarios that only wait have further ones."),
]
ShardOption = Annotated[str, typer.Option(metavar="K/N", help="Part K of N of the scenarios.")]
ExtraOption = Annotated[
    list[Path] | None, typer.Option("--scenarios", help="File with further scenarios. May be repeated.")
]
