from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.harness.kms import KmsCallError, KmsClient, kms_v2_pb2
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import (
    Damage,
    Delay,
    DropConnections,
    EditDecrypt,
    EditEncrypt,
    EditStatus,
    Error,
    Fault,
    FaultProxy,
    HalfOpen,
    Hang,
    RateLimit,
    RawReply,
    Refuse,
    RenameKey,
    WireGarbage,
)
from pipeline.harness.waiting import wait_until

pytestmark = pytest.mark.e2e

SEED = bytes(range(32))


@pytest.fixture
def plugin(make_double: Callable[..., Plugin]) -> Plugin:
    double = make_double()
    double.start()
    return double


@pytest.fixture
def proxy(plugin: Plugin, tmp_path: Path) -> Iterator[FaultProxy]:
    listen = plugin.socket.with_name("proxy.sock")
    with FaultProxy(listen, plugin.socket, plane="p1", calls_path=tmp_path / "calls/p1.jsonl") as running:
        yield running


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[KmsClient]:
    with KmsClient(proxy.address, timeout_s=10.0) as one:
        yield one


def code_of(call: Callable[[], object]) -> str:
    try:
        call()
    except KmsCallError as error:
        return error.code
    return "OK"


def test_without_faults_it_is_transparent(client: KmsClient, proxy: FaultProxy, plugin: Plugin) -> None:
    assert client.status() == plugin.client.status()
    wrapped = client.encrypt(SEED, uid="u-1")
    assert client.decrypt(wrapped, uid="u-2") == plugin.client.decrypt(wrapped) == SEED
    assert [(call.method, call.code, call.uid) for call in proxy.calls] == [
        ("Status", "OK", ""),
        ("Encrypt", "OK", "u-1"),
        ("Decrypt", "OK", "u-2"),
    ]
    assert {call.key_id for call in proxy.calls} == {wrapped.key_id}


def test_the_socket_is_private_and_goes_with_the_proxy(proxy: FaultProxy) -> None:
    path = Path(proxy.address.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    proxy.stop()
    assert not path.exists()
    proxy.stop()


def test_calls_are_counted_and_written_as_they_end(client: KmsClient, proxy: FaultProxy, tmp_path: Path) -> None:
    before = time.time()
    key_id = client.status().key_id
    proxy.faults.set(Error("INTERNAL", methods=("Encrypt",)))
    assert code_of(lambda: client.encrypt(SEED)) == "INTERNAL"
    assert proxy.count() == 2
    assert proxy.count("Status", key_id=key_id, since=before) == 1
    assert proxy.count("Encrypt", code="INTERNAL") == 1
    assert proxy.count("Status", since=time.time() + 1) == 0
    lines = [json.loads(line) for line in (tmp_path / "calls/p1.jsonl").read_text().splitlines()]
    assert [(line["method"], line["code"], line["fault"], line["plane"]) for line in lines] == [
        ("Status", "OK", "", "p1"),
        ("Encrypt", "INTERNAL", "Error", "p1"),
    ]


def test_the_last_good_status_is_one_that_kube_apiserver_likes(client: KmsClient, proxy: FaultProxy) -> None:
    assert proxy.last_good_status_at == 0
    client.status()
    good = proxy.last_good_status_at
    assert good >= proxy.calls[0].at
    for bad in (EditStatus(healthz="no"), EditStatus(version="v9"), EditStatus(key_id=""), Error(), RawReply()):
        proxy.faults.set(bad)
        code_of(client.status)
        assert proxy.last_good_status_at == good
    proxy.faults.clear()
    client.status()
    assert proxy.last_good_status_at > good


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Error("PERMISSION_DENIED"), "PERMISSION_DENIED"),
        (Hang(), "DEADLINE_EXCEEDED"),
        (Delay(30), "DEADLINE_EXCEEDED"),
        (RawReply(), "INTERNAL"),
        (Refuse(), "DEADLINE_EXCEEDED"),
        (HalfOpen(), "DEADLINE_EXCEEDED"),
        (WireGarbage(), "DEADLINE_EXCEEDED"),
        (DropConnections(), "UNAVAILABLE"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "fresh"])
def test_a_fault_shows_to_the_client_and_ends_when_cleared(
    proxy: FaultProxy, client: KmsClient, fault: Fault, code: str, connected: bool
) -> None:
    if connected:
        client.status()
    proxy.faults.set(fault)
    assert proxy.faults.active == (fault,)
    # A call may begin on a connection of which the client does not know yet that it is gone.
    assert code_of(lambda: client.status(timeout_s=0.5)) in (code, "UNAVAILABLE")
    assert code_of(lambda: client.status(timeout_s=0.5)) == code
    proxy.faults.clear()
    wait_until("a Status after the fault", lambda: code_of(client.status) == "OK", timeout_s=10)


def test_a_hung_call_is_recorded_with_its_end(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(Hang(methods=("Encrypt",)))
    assert code_of(lambda: client.encrypt(SEED, timeout_s=0.3)) == "DEADLINE_EXCEEDED"
    pending = client.start("Encrypt", kms_v2_pb2.EncryptRequest(plaintext=SEED).SerializeToString(), timeout_s=30)
    client.status()
    pending.cancel()
    wait_until("both ends", lambda: proxy.count("Encrypt") == 2, timeout_s=5)
    assert [call.code for call in proxy.calls if call.method == "Encrypt"] == ["DEADLINE_EXCEEDED", "CANCELLED"]


def test_several_faults_apply_in_order(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(EditStatus(healthz="first"), EditStatus(version="v7"), Error("ABORTED", methods=("Encrypt",)))
    status = client.status()
    assert (status.healthz, status.version) == ("first", "v7")
    assert code_of(lambda: client.encrypt(SEED)) == "ABORTED"
    assert proxy.calls[0].fault == "EditStatus+EditStatus"


def test_every_third_call_and_the_first_two(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(Error("ABORTED", every_nth=3))
    assert [code_of(client.status) for _ in range(6)] == ["OK", "OK", "ABORTED"] * 2
    proxy.faults.set(Error("ABORTED", first_n=2))
    assert [code_of(client.status) for _ in range(4)] == ["ABORTED", "ABORTED", "OK", "OK"]


def test_the_rate_limit(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(RateLimit(per_s=0.001, burst=3, methods=("Decrypt",)))
    wrapped = client.encrypt(SEED)
    codes = [code_of(lambda: client.decrypt(wrapped)) for _ in range(5)]
    assert codes == ["OK"] * 3 + ["RESOURCE_EXHAUSTED"] * 2


def test_damaged_replies_reach_the_client(client: KmsClient, proxy: FaultProxy) -> None:
    wrapped = client.encrypt(SEED)
    proxy.faults.set(EditEncrypt(ciphertext=Damage.PLAINTEXT, annotations={}))
    damaged = client.encrypt(SEED)
    assert (damaged.ciphertext, dict(damaged.annotations)) == (SEED, {})
    proxy.faults.set(EditDecrypt(Damage.TRUNCATED))
    assert client.decrypt(wrapped) == SEED[:16]


def test_a_renamed_key_decrypts_during_and_after(client: KmsClient, proxy: FaultProxy) -> None:
    before = client.encrypt(SEED)
    proxy.faults.set(RenameKey("-gen2"))
    renamed = client.encrypt(SEED)
    assert client.status().key_id == renamed.key_id == before.key_id + "-gen2"
    for _ in range(2):
        assert client.decrypt(renamed) == client.decrypt(before) == SEED
        proxy.faults.clear()
    assert proxy.count("Decrypt", key_id=renamed.key_id) == 2


def test_a_churning_key(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(RenameKey("-", churn=True))
    names = [client.status().key_id for _ in range(3)]
    wrapped = client.encrypt(SEED)
    assert len(set(names)) == 3
    assert wrapped.key_id == names[-1]
    assert client.decrypt(wrapped) == SEED


def test_dropped_connections_come_back(client: KmsClient, proxy: FaultProxy) -> None:
    client.status()
    proxy.drop_connections()
    wait_until("a Status", lambda: code_of(client.status) == "OK", timeout_s=5)


def test_a_refused_socket_is_gone_and_comes_back_at_the_same_path(client: KmsClient, proxy: FaultProxy) -> None:
    client.status()
    proxy.faults.set(Refuse())
    assert not Path(proxy.address.name).exists()
    proxy.faults.set(EditStatus(healthz="back"))
    wait_until("a Status", lambda: code_of(client.status) == "OK", timeout_s=5)
    assert client.status().healthz == "back"


def test_a_restarted_plugin_is_found_again(client: KmsClient, plugin: Plugin) -> None:
    wrapped = client.encrypt(SEED)
    plugin.restart(kill=True)
    wait_until("a Status", lambda: code_of(client.status) == "OK", timeout_s=10)
    assert client.decrypt(wrapped) == SEED


def test_a_dead_plugin_shows_as_a_deadline(client: KmsClient, plugin: Plugin) -> None:
    client.status()
    plugin.stop()
    assert code_of(lambda: client.status(timeout_s=0.5)) in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
    assert code_of(lambda: client.status(timeout_s=0.5)) == "DEADLINE_EXCEEDED"


def test_many_calls_at_once_are_all_recorded(client: KmsClient, proxy: FaultProxy) -> None:
    proxy.faults.set(Delay(0.01, jitter_s=0.05))
    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda _: client.encrypt(SEED, timeout_s=10), range(300)))
    assert len({reply.ciphertext for reply in replies}) == 300
    assert proxy.count("Encrypt", code="OK") == 300


def test_large_messages_go_through(client: KmsClient) -> None:
    request = kms_v2_pb2.DecryptRequest(ciphertext=b"\0" * (5 * 1024 * 1024)).SerializeToString()
    with pytest.raises(KmsCallError) as caught:
        client.start("Decrypt", request, timeout_s=10).result()
    assert caught.value.code == "NOT_FOUND"


def test_unknown_methods_and_v1_go_through_as_bytes(client: KmsClient, proxy: FaultProxy) -> None:
    assert code_of(client.version_v1) == "UNIMPLEMENTED"
    assert proxy.calls[-1].method == "Version"


def test_two_proxies_in_a_row_and_faults_before_the_start(plugin: Plugin) -> None:
    inner = plugin.socket.with_name("inner.sock")
    outer = plugin.socket.with_name("outer.sock")
    second = FaultProxy(outer, inner)
    second.faults.set(EditStatus(healthz="from the start"))
    assert not outer.exists()
    with FaultProxy(inner, plugin.socket), second, KmsClient(second.address, 5) as client:
        assert client.status().healthz == "from the start"


def test_a_second_start_is_refused_and_harms_nothing(proxy: FaultProxy, client: KmsClient) -> None:
    with pytest.raises(InputError, match="the proxy listens already"):
        proxy.start()
    assert client.status().healthz == "ok"


def test_a_proxy_starts_again_after_a_stop_with_its_faults_and_its_record(plugin: Plugin) -> None:
    proxy = FaultProxy(plugin.socket.with_name("again.sock"), plugin.socket)
    proxy.faults.set(Error("UNAVAILABLE", methods=("Encrypt",)))
    for round_ in (1, 2):
        proxy.start()
        with KmsClient(proxy.address, timeout_s=5.0) as client:
            client.status()
            assert code_of(lambda: client.encrypt(SEED)) == "UNAVAILABLE"
        proxy.stop()
        assert (proxy.count("Status"), proxy.count("Encrypt", code="UNAVAILABLE")) == (round_, round_)
        assert not Path(proxy.address.name).exists()
    proxy.stop()


def test_a_live_socket_or_another_file_is_not_replaced(plugin: Plugin) -> None:
    file = plugin.socket.with_name("file")
    file.write_text("precious")
    with pytest.raises(InputError, match="cannot listen"):
        FaultProxy(file, plugin.socket).start()
    assert file.read_text() == "precious"
    other = plugin.socket.with_name("other.sock")
    with pytest.raises(InputError, match="cannot listen"):
        FaultProxy(plugin.socket, other).start()
    assert plugin.client.status().healthz == "ok"


def test_a_second_proxy_on_the_path_does_no_harm_to_the_first(proxy: FaultProxy, client: KmsClient) -> None:
    client.status()
    with pytest.raises(InputError, match="cannot listen"):
        FaultProxy(proxy.address.name, proxy.upstream.name).start()
    proxy.drop_connections()
    wait_until("a Status", lambda: code_of(client.status) == "OK", timeout_s=5)


def test_a_path_too_long_for_the_proxys_own_socket_is_refused(plugin: Plugin) -> None:
    longest = str(plugin.socket.parent / "x").ljust(106, "x")
    with pytest.raises(InputError, match="too long"):
        FaultProxy(longest, plugin.socket)


def test_a_socket_left_behind_is_replaced(plugin: Plugin) -> None:
    stale = plugin.socket.with_name("stale.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    with FaultProxy(stale, plugin.socket) as proxy, KmsClient(proxy.address) as client:
        assert client.status().healthz == "ok"


def test_an_abstract_socket(plugin: Plugin) -> None:
    name = f"@kms-e2e-proxy-{os.getpid()}"
    with FaultProxy(name, plugin.socket) as proxy, KmsClient(proxy.address) as client:
        assert client.status().healthz == "ok"
        proxy.faults.set(Refuse())
        assert code_of(lambda: client.status(timeout_s=0.5)) in ("DEADLINE_EXCEEDED", "UNAVAILABLE")
        assert code_of(lambda: client.status(timeout_s=0.5)) == "DEADLINE_EXCEEDED"
        proxy.faults.clear()
        wait_until("a Status", lambda: code_of(client.status) == "OK", timeout_s=5)


def test_one_fault_of_connections_at_a_time(proxy: FaultProxy) -> None:
    with pytest.raises(InputError, match="one fault of connections"):
        proxy.faults.set(Refuse(), HalfOpen())
    assert proxy.faults.active == ()


def test_nothing_is_left_after_many_proxies(plugin: Plugin) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def cycle() -> None:
        with FaultProxy(plugin.socket.with_name("c.sock"), plugin.socket) as proxy, KmsClient(proxy.address) as client:
            client.status()
            proxy.faults.set(HalfOpen())

    cycle()
    base, threads = descriptors(), threading.active_count()
    for _ in range(20):
        cycle()
    wait_until("descriptors at the baseline", lambda: descriptors() <= base + 3, timeout_s=10)
    assert threading.active_count() <= threads + 2
