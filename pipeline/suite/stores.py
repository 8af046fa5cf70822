"""What scenarios do with a whole store: other configurations, rewriting everything, reading everything back."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pipeline.core.encryption import EncryptionConfiguration, KmsProvider
from pipeline.harness.api import ApiClient, Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.storage import IDENTITY, stored_form
from pipeline.suite.scenario import ProofRecorder
from pipeline.suite.support import CREATED, SECRETS_PREFIX, Secret, alive, reached, under

# kube-apiserver dials a plugin again within 1 s x 1.6, and answers reads again when its watch cache is up.
READ_TIMEOUT_S: Final = 45.0
# HTTP codes of an API server that starts: nobody listens yet, not authorised yet, storage is initialising, not serving.
STARTING: Final = (0, 403, 429, 503)


def restart_with(plane: ControlPlane, configuration: EncryptionConfiguration, *, ready: bool = True) -> None:
    """Restart kube-apiserver with another configuration; without `ready` it is only waited for until it is live."""
    plane.server.write_configuration(configuration)
    plane.restart_api_server(ready=ready)


def named(plane: ControlPlane, name: str) -> KmsProvider:
    """Return a provider of another name that leads to the same plugin."""
    return dataclasses.replace(plane.provider, name=name)


def rewrite_quietly(plane: ControlPlane, proof: ProofRecorder, path: str) -> None:
    """PUT an object as it was read; only a failure is recorded."""
    read = plane.api.get(path)
    written = plane.api.update(path, read.body) if read.ok else read
    if not written.ok:
        proof.that(f"rewrite {path}", observed=str(written), wanted="HTTP 200", holds=False)


def rewrite_store(plane: ControlPlane, proof: ProofRecorder, resources: Sequence[str] = ("secrets",)) -> int:
    """Rewrite every object of core resources, in all namespaces, and return how many there were."""
    count = 0
    for resource in resources:
        for path in list(plane.api.paths(f"/api/v1/{resource}")):
            rewrite_quietly(plane, proof, path)
            count += 1
    proof.that("objects rewritten", observed=count, wanted="> 0", holds=count > 0)
    return count


def form_of(value: EtcdValue) -> str:
    """Return how a raw value is stored: `identity`, `aescbc:v1:key`, `kms:v2:provider` and so on."""
    form = stored_form(value.value)
    return form.transformer if form.transformer == IDENTITY else f"{form.transformer}:{form.provider}"


def forms(plane: ControlPlane, prefix: str = SECRETS_PREFIX) -> set[str]:
    """Return all forms in which values below a prefix of etcd are stored."""
    return {form_of(value) for value in under(plane, prefix)}


def stored_otherwise(plane: ControlPlane, wanted: str, prefix: str = SECRETS_PREFIX) -> list[str]:
    """Return the keys below a prefix of etcd whose values are not stored in the wanted form."""
    return [value.key for value in under(plane, prefix) if form_of(value) != wanted]


def assert_all_stored(plane: ControlPlane, proof: ProofRecorder, wanted: str, prefix: str = SECRETS_PREFIX) -> None:
    """Prove by etcd's bytes that every value below a prefix is stored in one form, and that there are any."""
    proof.that(
        f"keys below {prefix}", observed=len(list(under(plane, prefix))), wanted="> 0", holds=any_under(plane, prefix)
    )
    proof.that(f"stored otherwise than {wanted}", observed=stored_otherwise(plane, wanted, prefix), wanted=[])


def any_under(plane: ControlPlane, prefix: str) -> bool:
    """Tell whether etcd has a key below a prefix."""
    return next(iter(under(plane, prefix)), None) is not None


def create_in(api: ApiClient, proof: ProofRecorder, secret: Secret) -> Secret:
    """Create a given Secret through a given API server."""
    reply = api.create_secret(secret.namespace, secret.name, {"value": secret.value})
    if reply.status != CREATED:
        proof.that("create a Secret", observed=str(reply), wanted="HTTP 201", holds=False)
    return secret


def unreadable(api: ApiClient, secrets: Iterable[Secret]) -> Iterator[str]:
    """GET each Secret from etcd and yield one line for each that does not come back as it was written."""
    for secret in secrets:
        reply = api.get_secret(secret.namespace, secret.name)
        if not reply.ok:
            yield f"{secret.name}: {reply}"[:300]
        elif value_of(reply) != secret.value:
            yield f"{secret.name}: another value"


def assert_readable(api: ApiClient, proof: ProofRecorder, secrets: Sequence[Secret], when: str) -> None:
    """Prove that each Secret is read as it was written, each by a GET of its own (a LIST comes from the cache)."""
    proof.that(
        f"{len(secrets)} Secrets read back {when}: not readable", observed=list(unreadable(api, secrets)), wanted=[]
    )


def await_readable(plane: ControlPlane, proof: ProofRecorder, secrets: Sequence[Secret], when: str) -> None:
    """Wait until every Secret is read as it was written, and prove it."""

    def readable() -> str | bool:
        problems = list(unreadable(plane.api, secrets))
        return not problems or f"not yet: {problems[0]}"

    reached(proof, f"Secrets are readable {when}", readable, timeout_s=READ_TIMEOUT_S, alive=alive(plane))


def restart_unwaited(plane: ControlPlane) -> None:
    """Forget every cache; with unreadable Secrets kube-apiserver is live after a minute only, and answers before."""
    plane.server.stop()
    plane.server.start()


def value_of(reply: Reply) -> bytes:
    """Return the value that `write_secret` put into a Secret."""
    data = reply.body.get("data")
    return base64.b64decode(str(data.get("value", ""))) if isinstance(data, dict) else b""
