"""`kms-e2e up`: keep a control plane running."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli.assets import AssetsOption, ConfigOption, ensure_assets
from pipeline.cli.kubernetes_options import (
    BinariesOption,
    KubernetesChoice,
    KubernetesOption,
    MirrorOption,
    ReleaseOption,
    TreeOption,
)
from pipeline.cli.module_options import GoProxyOption, GoSumDatabaseOption
from pipeline.core.components import CLUSTER
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.release_download import MIRROR

if TYPE_CHECKING:
    from pipeline.harness.control_plane import ControlPlane
    from pipeline.harness.waiting import Mortal

_POLL_S = 0.5


def up(
    config: ConfigOption = None,
    assets: AssetsOption = None,
    kubernetes: KubernetesOption = None,
    tree: TreeOption = None,
    binaries: BinariesOption = None,
    release: ReleaseOption = False,
    mirror: MirrorOption = MIRROR,
    goproxy: GoProxyOption = None,
    gosumdb: GoSumDatabaseOption = None,
    nodes: bool = typer.Option(
        False,
        "--simulated-nodes",
        help="A cluster: all controllers, a scheduler, two nodes on which pods say that they run; encrypts everything.",
    ),
    report: Path = typer.Option(Path("_artifacts/up"), "--report", help="Folder for logs and calls."),
) -> None:
    """Keep a control plane with the plugin running until Ctrl-C, and say how to use it."""
    choice = KubernetesChoice(kubernetes, tree, binaries, release, mirror)
    folder = ensure_assets(assets, config, CLUSTER if nodes else (), choice=choice, proxy=ModuleProxy(goproxy, gosumdb))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _running(folder, report, nodes=nodes) as (plane, alive):
        kubeconfig = plane.server.write_kubeconfig(plane.supervisor.folder / "kubeconfig")
        print(_advice(plane, kubeconfig, nodes=nodes), flush=True)
        while not stop.wait(_POLL_S):
            alive.assert_alive()
    print("stopped")


@contextmanager
def _running(assets: Path, report: Path, *, nodes: bool) -> Iterator[tuple[ControlPlane, Mortal]]:
    """Give a control plane, with nodes or without, and what tells whether all of it is alive."""
    # Here and not above, so that other commands do not wait for gRPC and certificates.
    from pipeline.harness.control_plane import ControlPlane  # noqa: PLC0415
    from pipeline.suite.equipment import assert_control_plane, kubernetes_of, load_equipment  # noqa: PLC0415
    from pipeline.suite.upstream.cluster import running_cluster  # noqa: PLC0415

    assert_control_plane(assets)
    equipment = load_equipment(assets, report)
    if nodes:
        with running_cluster(equipment, kubernetes_of(assets)) as cluster:
            yield cluster.plane, cluster
    else:
        with ControlPlane("up", equipment) as plane:
            yield plane, plane


def _advice(plane: ControlPlane, kubeconfig: Path, *, nodes: bool) -> str:
    socket = plane.plugin.socket
    return (
        f"ready: {plane.server.url}, encrypting {'everything' if nodes else 'Secrets'} with {plane.plugin.spec.name}\n"
        f"  export KUBECONFIG={kubeconfig}\n"
        "  kubectl create secret generic demo --from-literal=password=hunter2\n"
        f"  curl --silent --unix-socket {plane.etcd.socket} http://etcd/v3/kv/range "
        '-d \'{"key":"L3JlZ2lzdHJ5L3NlY3JldHMvZGVmYXVsdC9kZW1v"}\'   # the raw value of that Secret, in base64\n'
        f"  kms-e2e probe unix://{socket}\n"
        "Ctrl-C stops it."
    )
