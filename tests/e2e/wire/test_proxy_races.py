"""The fault proxy with several threads, connections or faults at one moment."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.harness.kms import KmsCallError, KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import ConnectionFault, EditStatus, Error, Fault, FaultProxy, HalfOpen, Refuse, WireGarbage

pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(make_double: Callable[..., Plugin]) -> Iterator[FaultProxy]:
    plugin = make_double()
    plugin.start()
    with FaultProxy(plugin.socket.with_name("proxy.sock"), plugin.socket) as running:
        yield running


def test_a_connection_that_was_accepted_just_before_nobody_listens_is_closed(proxy: FaultProxy) -> None:
    proxy._front._fault = Refuse()  # the moment between the kernel's accept and the first step of its relay
    with socket.socket(socket.AF_UNIX) as late:
        late.settimeout(5)
        late.connect(proxy.address.kernel)
        assert late.recv(1) == b""


def test_faults_set_by_many_threads_are_those_of_one_of_them(proxy: FaultProxy) -> None:
    choices: list[list[Fault]] = [[Refuse()], [HalfOpen()], [WireGarbage()], [EditStatus(healthz="edited")], []]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: proxy.faults.set(*choices[number % len(choices)]), range(400)))
    of_connections = [fault for fault in proxy.faults.active if isinstance(fault, ConnectionFault)]
    assert proxy._front._fault == next(iter(of_connections), None)
    proxy.faults.set(EditStatus(healthz="at last"))
    with KmsClient(proxy.address, timeout_s=10) as client:
        assert client.status().healthz == "at last"


def test_what_one_fault_ends_is_not_counted_for_the_next(proxy: FaultProxy) -> None:
    proxy.faults.set(Error("INTERNAL", first_n=1), EditStatus(healthz="edited", first_n=1))
    with KmsClient(proxy.address, timeout_s=10) as client:
        with pytest.raises(KmsCallError, match="INTERNAL"):
            client.status()
        assert [client.status().healthz for _ in range(2)] == ["edited", "ok"]
    assert [call.fault for call in proxy.calls] == ["Error", "EditStatus", ""]
