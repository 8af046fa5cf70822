"""`kms-e2e inspect`: what an etcd holds, and whether a key may be deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.cli.assets import AssetsOption, ensure_assets
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, InputError

if TYPE_CHECKING:
    from pipeline.harness.inspection.report import Inspection


def inspect(
    source: str = typer.Argument(
        help="unix:///path or http(s)://host:2379 of an etcd, its data folder (not in use), or a snapshot."
    ),
    may_delete_key: str | None = typer.Option(
        None,
        "--may-delete-key",
        metavar="KEYID",
        help="Answer by exit code: 0 no live object can need it, 1 some may. A keyID, or its sha256:….",
    ),
    prefix: str = typer.Option("/registry/", "--prefix", help="kube-apiserver's --etcd-prefix, with a slash."),
    resource: list[str] = typer.Option(["secrets"], "--resource", help="Plain objects of these are leftovers."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table."),
    cacert: Path | None = typer.Option(None, "--cacert", help="The CA of etcd's certificate."),
    cert: Path | None = typer.Option(None, "--cert", help="Client certificate for etcd."),
    key: Path | None = typer.Option(None, "--key", help="Key of the client certificate."),
    assets: AssetsOption = None,
) -> None:
    """Show how each resource is stored in etcd: providers, keyIDs, plaintext leftovers, damaged values. Read-only."""
    from pipeline.harness.inspection.deletion import checked_key_id  # noqa: PLC0415 - keeps other commands quick
    from pipeline.harness.inspection.reader import TlsFiles  # noqa: PLC0415
    from pipeline.harness.inspection.report import inspect_store  # noqa: PLC0415
    from pipeline.harness.inspection.stores import open_store  # noqa: PLC0415

    asked = None if may_delete_key is None else checked_key_id(may_delete_key)
    with open_store(source, TlsFiles(cacert, cert, key), lambda: ensure_assets(assets)) as reader:
        found = inspect_store(reader, prefix, tuple(resource))
    if not found.inventory.objects:
        raise InputError(
            "nothing lies below the prefix",
            seen=f"{found.inventory.outside.keys} keys outside it",
            wanted="the keys of a kube-apiserver",
            where=f"{source}, --prefix {prefix}",
            next_step="give kube-apiserver's --etcd-prefix by --prefix (OpenShift: /kubernetes.io/)",
        )
    if as_json:
        typer.echo(json.dumps(found.document(asked), indent=2))
    else:
        _print(found, asked)
    denied = asked is not None and not found.may_delete(asked).allowed
    raise typer.Exit(EXIT_SUITE_FAILED if denied else EXIT_PASSED)


def _print(found: Inspection, asked: str | None) -> None:
    console, inventory = Console(), found.inventory
    table = Table("resource", "stored by", "provider", "keyID", "objects", box=box.SIMPLE_HEAD, pad_edge=False)
    leftovers = found.leftovers
    for holding, count in sorted(inventory.holdings.items()):
        leftover = holding.transformer == "identity" and holding.resource in leftovers
        stored = "plain: LEFTOVER" if leftover else holding.transformer
        words = (holding.resource, stored, holding.provider, holding.key_id, str(count))
        table.add_row(*map(escape, words), style="bold red" if leftover else None)
    console.print(table)
    for item in inventory.damaged_examples:
        console.print(f"damaged: {item.key}: {item.reason}", style="red", markup=False, soft_wrap=True)
    console.print(found.summary(), markup=False, highlight=False, soft_wrap=True)
    for risk in found.risks():
        console.print(f"risk: {risk}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if asked is not None:
        style = "bold green" if found.may_delete(asked).allowed else "bold red"
        console.print(found.verdict(asked), style=style, markup=False, highlight=False, soft_wrap=True)
