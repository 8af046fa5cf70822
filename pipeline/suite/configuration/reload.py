"""How a configuration file can be changed, and how kube-apiserver shows that it has loaded it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.suite.scenario import ProofRecorder
from pipeline.suite.support import reached

# The file is looked at every 60 s (controller.go EncryptionConfigFileChangePollDuration); a provider that does not
# answer is waited for at least 10 s (minKMSPluginCloseGracePeriod). Slack for a loaded machine on top.
RELOAD_TIMEOUT_S: Final = 110.0
RELOAD_POLL_S: Final = 2.0
RELOADS: Final = "apiserver_encryption_config_controller_automatic_reloads_total"
_INFO: Final = "apiserver_encryption_config_controller_last_config_info"
_PRIVATE: Final = 0o600

Place = Callable[[Path, str], None]


def truncate_and_write(path: Path, text: str) -> None:
    """Write into the file as it is; it keeps its inode."""
    path.touch(mode=_PRIVATE)
    path.write_text(text)


def replace_by_rename(path: Path, text: str) -> None:
    """Write another file and rename it over the old one."""
    other = path.with_suffix(".new")
    truncate_and_write(other, text)
    other.replace(path)


def delete_and_create(path: Path, text: str) -> None:
    """Delete the file, then create it anew."""
    path.unlink(missing_ok=True)
    truncate_and_write(path, text)


def switch_link(path: Path, text: str) -> None:
    """Let a symbolic link point to another file, as the kubelet updates a mounted ConfigMap or Secret."""
    target = path.with_name(f"{path.stem}-{content_hash(text)[-8:]}.json")
    truncate_and_write(target, text)
    link = path.with_suffix(".link")
    link.symlink_to(target.name)
    link.replace(path)


def reloads(server: KubeApiServer, status: str) -> float:
    """Return how often a server has reloaded its configuration with this result (success, failure)."""
    return server.api.total(RELOADS, status=status)


def loaded_hashes(server: KubeApiServer) -> set[str]:
    """Return the hashes of the configuration that a server shows as the last one applied."""
    return {sample.labels["hash"] for sample in server.api.samples(_INFO)}


def content_hash(text: str) -> str:
    """Return a configuration's hash as the metric shows it. Source: config.go computeEncryptionConfigHash."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def await_reloads(
    plane: ControlPlane, proof: ProofRecorder, servers: Sequence[KubeApiServer], status: str, since: float = 0.0
) -> None:
    """Wait until every server has counted more than `since` reloads with this result."""

    def counted() -> str | bool:
        waiting = [server.options.name for server in servers if reloads(server, status) <= since]
        return not waiting or f"not yet: {', '.join(waiting)}"

    alive = [server.process for server in (plane.server, *servers) if server.process is not None]
    what = f'automatic_reloads_total{{status="{status}"}} > {since:g} on {len(servers)} API servers'
    reached(proof, what, counted, timeout_s=RELOAD_TIMEOUT_S, poll_s=RELOAD_POLL_S, alive=alive)
