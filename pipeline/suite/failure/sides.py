"""Several faults at once on one control plane: a KMS provider, a proxy and a resource for each.

Every provider of kube-apiserver has its own health check, seed and lifetime, so faults of different providers do
not disturb each other, and one wait of three minutes serves all of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, ResourceRule
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.evidence import Evidence
from pipeline.harness.proxy import FaultProxy

# Namespaced resources that nothing but a scenario writes here, with the rest of a valid object.
_BODIES: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "secrets": ("Secret", {"data": {"value": "c2lkZQ=="}}),
    "limitranges": ("LimitRange", {"spec": {"limits": []}}),
    "resourcequotas": ("ResourceQuota", {"spec": {"hard": {}}}),
    "serviceaccounts": ("ServiceAccount", {}),
    "podtemplates": (
        "PodTemplate",
        {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}},
    ),
    "persistentvolumeclaims": (
        "PersistentVolumeClaim",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}},
    ),
    "configmaps": ("ConfigMap", {"data": {"value": "side"}}),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One provider with its proxy, and the resource that it encrypts. `index` is its place in the configuration."""

    name: str
    index: int
    resource: str
    proxy: FaultProxy

    def create(self, plane: ControlPlane, namespace: str) -> tuple[str, Reply]:
        """Create an object of the side's resource; return its name and the answer."""
        kind, rest = _BODIES[self.resource]
        name = f"side-{uuid.uuid4().hex[:10]}"
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **rest}
        return name, plane.api.request("POST", f"/api/v1/namespaces/{namespace}/{self.resource}", body)

    def read(self, plane: ControlPlane, namespace: str, name: str) -> Reply:
        """GET an object of the side from etcd."""
        return plane.api.get(f"/api/v1/namespaces/{namespace}/{self.resource}/{name}")

    def key(self, namespace: str, name: str) -> str:
        """Return the etcd key of an object of the side."""
        return f"/registry/{self.resource}/{namespace}/{name}"


class Sides:
    """Makes the encryption configuration of one control plane with a provider per name, and the proxies before them.

    Give it as `ControlPlaneOptions.configure`. A proxy forwards to the control plane's own, so each call that
    reaches the plugin stands in the plane's record too. `timeouts_s` are of single providers, in seconds.
    """

    def __init__(
        self, names: Sequence[str], *, plane: str, evidence: Evidence, timeouts_s: Mapping[str, float] | None = None
    ) -> None:
        """Start nothing yet; `plane` is the name that the record of calls stands under."""
        self._names = tuple(names)
        self._plane = plane
        self._evidence = evidence
        self._timeouts_s = dict(timeouts_s or {})
        self.sides: dict[str, Side] = {}

    def __call__(self, provider: KmsProvider) -> EncryptionConfiguration:
        """Start the proxies beside `provider`'s socket and return the configuration."""
        self.close()
        shared = Path(provider.endpoint.removeprefix("unix://"))
        rules = []
        for index, (name, resource) in enumerate(zip(self._names, _BODIES, strict=False)):
            own, listen = f"{self._plane}-{name}", shared.with_name(f"{name}.sock")
            proxy = FaultProxy(listen=listen, upstream=shared, plane=own, calls_path=self._evidence.calls(own))
            proxy.start()
            self.sides[name] = Side(name, index, resource, proxy)
            kms = KmsProvider(name, f"unix://{listen}", self._timeouts_s.get(name, provider.timeout_s))
            rules.append(ResourceRule((resource,), (kms, Identity())))
        return EncryptionConfiguration(tuple(rules))

    def heal(self) -> None:
        """Take the faults of every side away."""
        for side in self.sides.values():
            side.proxy.faults.clear()

    def close(self) -> None:
        """Stop every proxy."""
        for side in self.sides.values():
            side.proxy.stop()
        self.sides.clear()
