from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.harness.kms import KmsCallError, KmsClient, kms_v2_pb2
from pipeline.harness.plugin import Plugin
from pipeline.harness.process import Process
from pipeline.harness.storage import EncryptedObject, StorageError, encode, read_value, seal
from pipeline.harness.waiting import wait_until
from pipeline.suite.wire.steps import serving_pid

pytestmark = pytest.mark.e2e

MakeDouble = Callable[..., Plugin]
DOUBLE = Path(__file__).parents[2] / "doubles/kms_plugin.py"


def test_a_socket_with_blanks_and_percent_signs_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20c"
    folder.mkdir()
    address = folder / "k?s#1.sock"
    argv = [sys.executable, str(DOUBLE), "--listen", f"unix://{address}", "--state", str(tmp_path)]
    process = Process("double", argv, log_path=tmp_path / "log")
    try:
        with KmsClient(address, timeout_s=10) as client:
            wait_until("the socket", address.exists, timeout_s=10, alive=[process])
            assert client.status().healthz == "ok"
    finally:
        process.stop()


def test_a_call_waits_for_a_plugin_that_starts_later(make_double: MakeDouble) -> None:
    plugin = make_double()
    seen: list[str] = []
    waiting = threading.Thread(target=lambda: seen.append(plugin.client.status(timeout_s=20).healthz))
    waiting.start()
    plugin.start()
    waiting.join(20)
    assert seen == ["ok"]


def test_nobody_there_is_a_deadline_as_for_kube_apiserver(tmp_path: Path) -> None:
    with KmsClient(tmp_path / "none.sock", timeout_s=0.3) as client, pytest.raises(KmsCallError) as caught:
        client.status()
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert "none.sock" in str(caught.value)


def test_the_plugins_own_error_is_kept(make_double: MakeDouble) -> None:
    plugin = make_double("status-error")
    plugin.start()
    with pytest.raises(KmsCallError) as caught:
        plugin.client.status()
    assert (caught.value.code, caught.value.details) == ("INTERNAL", "status is not well")


def test_calls_that_never_end_end_when_cancelled(make_double: MakeDouble) -> None:
    plugin = make_double()
    plugin.start()
    pending = plugin.client.start_unsent("Decrypt", timeout_s=60)
    plugin.client.status()
    assert pending.cancel()
    with pytest.raises(KmsCallError, match="Decrypt failed") as caught:
        pending.result()
    assert caught.value.code == "CANCELLED"


def test_a_closed_client_leaves_no_threads_or_descriptors(make_double: MakeDouble) -> None:
    plugin = make_double()
    plugin.start()

    def cycle() -> None:
        with KmsClient(plugin.client.address) as client:
            client.status()
            for _ in range(5):
                client.start_unsent("Encrypt").cancel()

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    cycle()
    threads, base = threading.active_count(), descriptors()
    for _ in range(20):
        cycle()
    wait_until("threads at the baseline", lambda: threading.active_count() <= threads, timeout_s=10)
    wait_until("descriptors", lambda: descriptors() <= base + 3, timeout_s=10)


def test_the_serving_process_is_told_by_the_kernel(make_double: MakeDouble) -> None:
    plugin = make_double()
    assert serving_pid(plugin.client.address) == 0
    process = plugin.spawn()
    wait_until("the socket", lambda: serving_pid(plugin.client.address) != 0, timeout_s=10, alive=[process])
    assert serving_pid(plugin.client.address) == process.pid


def test_requests_carry_what_the_contract_says(make_double: MakeDouble) -> None:
    """The double binds the ciphertext to the uid, so a uid that did not arrive would show."""
    plugin = make_double("bound-to-uid")
    plugin.start()
    wrapped = plugin.client.encrypt(b"s" * 32, uid="one")
    assert plugin.client.decrypt(wrapped, uid="one") == b"s" * 32
    request = kms_v2_pb2.DecryptRequest.FromString(
        kms_v2_pb2.DecryptRequest(
            ciphertext=wrapped.ciphertext, uid="one", key_id=wrapped.key_id, annotations=wrapped.annotations
        ).SerializeToString()
    )
    assert plugin.client.start("Decrypt", request.SerializeToString()).result() == b"\x0a\x20" + b"s" * 32


def test_a_stored_value_is_opened_with_the_plugin_alone(make_double: MakeDouble) -> None:
    plugin = make_double()
    plugin.start()
    seed, key = os.urandom(32), b"/registry/secrets/default/a"
    wrapped = plugin.client.encrypt(seed)
    stored = EncryptedObject("p", seal(b"object", key, seed), wrapped.key_id, wrapped.ciphertext, wrapped.annotations)
    value = encode(stored)
    assert read_value(value, key, plugin.client) == b"object"
    with pytest.raises(StorageError, match="authentication failed"):
        read_value(value, b"/registry/secrets/default/b", plugin.client)
