"""A control plane: etcd, the plugin, the fault proxy before it, and kube-apiserver, started and stopped in order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, encrypt
from pipeline.core.plugin_spec import PluginSpec
from pipeline.harness.api import ApiClient
from pipeline.harness.component import (
    ALL_CONTROLLERS,
    KUBE_CONTROLLER_MANAGER,
    KUBE_SCHEDULER,
    Component,
    controller_manager_flags,
    scheduler_flags,
)
from pipeline.harness.etcd import Etcd, EtcdClient
from pipeline.harness.evidence import Evidence
from pipeline.harness.kube_apiserver import ApiServerOptions, KubeApiServer
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import FaultProxy
from pipeline.harness.snapshot import restore_snapshot
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.turns import turn

DEFAULT_PROVIDER: Final = "kms-e2e"
_TOLD_S: Final = 1.0

Configure = Callable[[KmsProvider], EncryptionConfiguration]


def encrypt_secrets(provider: KmsProvider) -> EncryptionConfiguration:
    """Return the usual configuration: Secrets by the plugin; what was stored plain before can still be read."""
    return encrypt(["secrets"], provider, Identity())


@dataclass(frozen=True, slots=True)
class ControlPlaneOptions:
    """What may differ between control planes.

    `configure` makes the encryption configuration from the plugin's provider; None encrypts the plugin's resources, and
    what was stored plain before can still be read. `provider` is the name that stands
    in etcd's values. `late_plugin`: the plugin is not started, and nobody waits for readiness.
    """

    configure: Configure | None = None
    provider: str = DEFAULT_PROVIDER
    kms_timeout_s: float = 3.0
    late_plugin: bool = False
    fsync: bool = False
    api_server: ApiServerOptions = field(default_factory=ApiServerOptions)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every control plane of a run is made of: the folder of binaries, the plugin, and where evidence goes.

    `second` is the plugin that data are migrated to, with a folder of its own; None when there is only one.
    `kubernetes` is the version of kube-apiserver, such as `v1.37.2`; empty when nothing says it.
    """

    assets: Path
    plugin: PluginSpec
    evidence: Evidence
    second: Equipment | None = None
    kubernetes: str = ""


class ControlPlane:
    """A running control plane. Use it as a context manager.

    `api` talks to kube-apiserver, `etcd` reads raw values, `plugin` is the process under test, and every KMS call
    of kube-apiserver passes `proxy`.
    """

    def __init__(self, name: str, equipment: Equipment, options: ControlPlaneOptions | None = None) -> None:
        """Prepare the parts; `start` or `with` starts them."""
        self.name = name
        self.options = options or ControlPlaneOptions()
        self._equipment = equipment
        evidence = equipment.evidence
        self.supervisor = Supervisor(name, logs=evidence.logs(name), on_event=evidence.add_event)
        self._etcd = Etcd(equipment.assets / "etcd", self.supervisor, fsync=self.options.fsync)
        self.plugin = Plugin(equipment.plugin, self.supervisor, assets=equipment.assets)
        self.proxy = FaultProxy(
            listen=self.supervisor.folder / "kms.sock",
            upstream=self.plugin.socket,
            plane=name,
            calls_path=evidence.calls(name),
        )
        self.server = KubeApiServer(
            self.binary(self.options.api_server.binary),
            self.supervisor,
            etcd=self._etcd.endpoint,
            options=self.options.api_server,
        )
        self._more_servers: list[KubeApiServer] = []
        self._components: list[Component] = []

    def __enter__(self) -> Self:
        """Start everything; what was started is stopped when a part fails."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.close()

    @property
    def api(self) -> ApiClient:
        """Return the client of kube-apiserver."""
        return self.server.api

    @property
    def etcd(self) -> EtcdClient:
        """Return the client that reads raw values."""
        return self._etcd.client

    @property
    def etcd_data(self) -> Path:
        """Return the folder with etcd's write-ahead log and database."""
        return self._etcd.data

    @property
    def provider(self) -> KmsProvider:
        """Return the provider that leads to the plugin through the proxy."""
        endpoint = f"unix://{self.supervisor.folder}/kms.sock"
        return KmsProvider(self.options.provider, endpoint, timeout_s=self.options.kms_timeout_s)

    @property
    def alive(self) -> bool:
        """Tell whether etcd, plugin and kube-apiserver all run."""
        parts = (self._etcd.process, self.plugin.process, self.server.process)
        return all(process is not None and process.exit_code is None for process in parts)

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when one of the processes has ended on its own."""
        for process in (self._etcd.process, self.plugin.process, self.server.process, *self._components):
            if process is not None:
                process.assert_alive()

    def start(self) -> None:
        """Start etcd and plugin, then the proxy, then kube-apiserver, and wait until it is ready.

        It takes a turn among all control planes of the machine.

        Raises: ProcessError when a part dies or does not become ready.
        """
        with turn() as waited_s:
            if waited_s >= _TOLD_S:
                self.supervisor.event("control plane", f"waited {waited_s:.1f} s for its turn to start")
            self._start_parts()

    def _start_parts(self) -> None:
        self._etcd.spawn()
        if not self.options.late_plugin:
            self.plugin.start()
        self.proxy.start()
        self.server.write_configuration(self.configuration())
        self._etcd.wait_healthy()
        self.server.start()
        if not self.options.late_plugin:
            self.server.wait_ready()

    def configuration(self) -> EncryptionConfiguration:
        """Return the encryption configuration that kube-apiserver starts with."""
        if self.options.configure is not None:
            return self.options.configure(self.provider)
        return encrypt(self._equipment.plugin.resources, self.provider, Identity())

    def restart_api_server(self, *, ready: bool = True) -> None:
        """Restart kube-apiserver, which forgets its caches.

        Without `ready` it is only waited for until it is live: with unreadable objects it never becomes ready.
        """
        self.server.stop()
        self.server.start()
        if ready:
            self.server.wait_ready()
        else:
            self.server.wait_live()

    def restore_etcd(self, snapshot: Path) -> None:
        """Replace what etcd has by a snapshot; kube-apiserver is stopped for it and not started again.

        Raises: InputError when the snapshot cannot be restored; ProcessError when etcd does not start on it.
        """
        self.server.stop()
        self._etcd.stop()
        shutil.rmtree(self._etcd.data)
        restore_snapshot(self._equipment.assets / "etcdutl", snapshot, self._etcd.data)
        self._etcd.start()

    def binary(self, name: str) -> Path:
        """Return a file of the assets."""
        return self._equipment.assets / name

    def make_server(self, name: str, *flags: str) -> KubeApiServer:
        """Prepare one more kube-apiserver on the same etcd; it needs a configuration before it is started.

        It is stopped with the control plane.
        """
        server = KubeApiServer(
            self._equipment.assets / "kube-apiserver",
            self.supervisor,
            etcd=self._etcd.endpoint,
            options=ApiServerOptions(name=name, flags=flags),
        )
        self._more_servers.append(server)
        return server

    def start_controller_manager(self, *controllers: str) -> None:
        """Start kube-controller-manager with the named controllers (all that are on by default when none is named).

        It is stopped with the control plane.

        Raises: ProcessError when the folder of binaries has none, or it dies; DeadlineError when it is not healthy
        in time.
        """
        manager = self._add_component(KUBE_CONTROLLER_MANAGER)
        manager.start(controller_manager_flags(self.server, controllers or ALL_CONTROLLERS))

    def start_scheduler(self) -> None:
        """Start kube-scheduler; it is stopped with the control plane. Raises: as `start_controller_manager`."""
        scheduler = self._add_component(KUBE_SCHEDULER)
        scheduler.start(scheduler_flags(scheduler))

    def _add_component(self, name: str) -> Component:
        component = Component(self._equipment.assets / name, self.supervisor, self.server)
        self._components.append(component)
        return component

    def close(self) -> None:
        """Keep the metrics, then stop everything in reverse order. May be called twice."""
        if self.server.process is not None and self.server.process.exit_code is None:
            self._equipment.evidence.write_metrics(self.name, self.api.metrics())
        for component in self._components:
            component.close()
        for server in (*self._more_servers, self.server):
            server.close()
        self.proxy.stop()
        self.plugin.client.close()
        self._etcd.client.close()
        self.supervisor.close()
