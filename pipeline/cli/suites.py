"""The suites of `kms-e2e run`, and which options belong to which."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import typer

from pipeline.errors import InputError


class Suite(StrEnum):
    """What `kms-e2e run` runs."""

    KMS = "kms"
    UPSTREAM = "upstream"
    COST = "cost"


_KMS: Final = frozenset({Suite.KMS})
_UPSTREAM: Final = frozenset({Suite.UPSTREAM})
OPTIONS: Final = {
    **dict.fromkeys(("--id", "--family", "--fast", "--soak", "--shard", "--scenarios"), _KMS),
    **dict.fromkeys(("--label-filter", "--report-prefix", "--verify-list", "--kubeconfig", "--plain"), _UPSTREAM),
    **dict.fromkeys(("--skip", "--parallel"), _KMS | _UPSTREAM),
}
"""The suites that an option has a meaning for; one that is not here has one for all."""


def refuse_options_of_others(context: typer.Context, suite: Suite) -> None:
    """Refuse options of other suites, since a run that ignores one could be taken for what was asked for.

    Raises: InputError that names them and the suites that take them.
    """
    sources = {item.opts[0]: context.get_parameter_source(item.name or "") for item in context.command.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    wrong = [name for name in OPTIONS if name in given and suite not in OPTIONS[name]]
    if wrong:
        raise InputError(
            f"the suite {suite} does not take these options",
            seen=", ".join(wrong),
            wanted="; ".join(f"{name}: --suite {' or '.join(sorted(OPTIONS[name]))}" for name in wrong),
            where="kms-e2e run",
            next_step="leave them out, or name the suite by --suite",
        )
