"""`kms-e2e inspect` on real stores: half-way through a migration, in a snapshot, damaged, in use, behind TLS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.errors import InputError
from pipeline.harness.etcd import Etcd, EtcdValue
from pipeline.harness.inspection.reader import EtcdReader, TlsFiles
from pipeline.harness.pki import Authority
from pipeline.harness.ports import ReservedPort
from pipeline.harness.snapshot import save_snapshot
from pipeline.harness.storage import EncryptedObject, encode
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
PLAIN = b"k8s\0\n\x0cplain object"
Inspect = Callable[..., tuple[int, str, str]]


def sealed(key_id: str) -> bytes:
    return encode(EncryptedObject("vault", b"d" * 60, key_id, b"wrapped"))


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor("inspected", logs=tmp_path / "logs") as supervisor:
        yield supervisor


@pytest.fixture
def etcd(assets: Path, supervisor: Supervisor) -> Iterator[Etcd]:
    """Fill a store half-way through a migration: an old key, a new key, plain objects, and one damaged value."""
    # Without fsync a busy disk does not slow it; what etcd has written outlives its process, if not the machine.
    etcd = Etcd(assets / "etcd", supervisor)
    etcd.start()
    for number in range(30):
        etcd.client.put(f"/registry/secrets/old/{number}", sealed("key-1"))
        etcd.client.put(f"/registry/secrets/new/{number}", sealed("key-2"))
    for number in range(7):
        etcd.client.put(f"/registry/secrets/plain/{number}", PLAIN)
        etcd.client.put(f"/registry/configmaps/plain/{number}", PLAIN)
    etcd.client.put("compact_rev_key", b"1")
    yield etcd
    etcd.client.close()


@pytest.fixture
def inspect(assets: Path, capsys: pytest.CaptureFixture[str]) -> Inspect:
    def inspecting(source: object, *options: str) -> tuple[int, str, str]:
        code = run(["inspect", str(source), "--assets", str(assets), *options])
        out, err = capsys.readouterr()
        return code, out, err

    return inspecting


def assert_half_way(code: int, out: str, err: str) -> None:
    assert code == 0, err
    found = json.loads(out)
    assert found["key_ids"] == {"key-1": 30, "key-2": 30}
    assert found["leftovers"] == {"secrets": 7}
    assert found["objects"] == 74
    assert found["outside"] == 1
    assert {risk.split(":")[0].split(" keep")[0] for risk in found["risks"]} >= {"old revisions", "write-ahead log"}


def test_an_endpoint(etcd: Etcd, inspect: Inspect) -> None:
    before = etcd.client.get("compact_rev_key")
    assert_half_way(*inspect(etcd.endpoint, "--json"))
    after = etcd.client.get("compact_rev_key")
    assert before == after
    assert json.loads(inspect(etcd.endpoint, "--json")[1])["etcd"]["revision"] == 1 + 60 + 14 + 1, "nothing was written"


def test_the_table_names_leftovers_and_risks(etcd: Etcd, inspect: Inspect) -> None:
    code, out, _ = inspect(etcd.endpoint)
    assert code == 0
    assert "plain: LEFTOVER" in out
    assert "74 objects" in out
    assert "risk: backups" in out


def test_a_data_folder_at_rest_and_after_a_kill(etcd: Etcd, supervisor: Supervisor, inspect: Inspect) -> None:
    assert etcd.process is not None
    etcd.client.put("/registry/secrets/late/1", sealed("key-2"))
    etcd.client.delete("/registry/secrets/late/1")
    etcd.client.put("compact_rev_key", b"2")  # the very last write is noted as committed by the next one alone
    supervisor.stop(etcd.process, kill=True)  # so that the last writes are in the write-ahead log alone
    before = {path: path.stat().st_mtime_ns for path in etcd.data.rglob("*")}
    assert_half_way(*inspect(etcd.data, "--json"))
    assert "very last write" in inspect(etcd.data)[1]
    assert {path: path.stat().st_mtime_ns for path in etcd.data.rglob("*")} == before, "the folder was not touched"


def test_a_snapshot(etcd: Etcd, tmp_path: Path, inspect: Inspect) -> None:
    save_snapshot(etcd.client.socket, tmp_path / "snapshot.db")
    etcd.client.delete("/registry/secrets/old/1")
    assert_half_way(*inspect(tmp_path / "snapshot.db", "--json"))


@pytest.mark.parametrize(("key_id", "code", "says"), [("key-1", 1, "no: 30 live"), ("key-0", 0, "yes: no live")])
def test_may_a_key_be_deleted(etcd: Etcd, inspect: Inspect, key_id: str, code: int, says: str) -> None:
    seen, out, _ = inspect(etcd.endpoint, "--may-delete-key", key_id)
    assert (seen, says in out) == (code, True), out


def test_a_key_may_be_deleted_when_the_last_object_is_migrated(etcd: Etcd, tmp_path: Path, inspect: Inspect) -> None:
    for number in range(29):
        etcd.client.put(f"/registry/secrets/old/{number}", sealed("key-2"))
    code, out, _ = inspect(etcd.endpoint, "--may-delete-key", "key-1")
    assert (code, "no: 1 live object" in out) == (1, True), out
    save_snapshot(etcd.client.socket, tmp_path / "before.db")
    etcd.client.put("/registry/secrets/old/29", sealed("key-2"))
    code, out, _ = inspect(etcd.endpoint, "--may-delete-key", "key-1")
    assert (code, "yes: no live object" in out, "risk: old revisions" in out) == (0, True, True), out
    assert inspect(etcd.endpoint, "--may-delete-key", "key-2")[0] == 1
    assert inspect(tmp_path / "before.db", "--may-delete-key", "key-1")[0] == 1, "a backup needs the key of its time"


def test_a_damaged_value_forbids_to_delete(etcd: Etcd, inspect: Inspect) -> None:
    etcd.client.put("/registry/secrets/old/3", sealed("key-1")[:50])
    code, out, _ = inspect(etcd.endpoint, "--may-delete-key", "key-0", "--json")
    assert code == 1
    assert json.loads(out)["damaged_examples"][0]["key"] == "/registry/secrets/old/3"


def test_an_object_outside_the_prefix_forbids_to_delete_its_key(etcd: Etcd, inspect: Inspect) -> None:
    etcd.client.put("/other/secrets/a/b", sealed("key-9"))
    code, out, _ = inspect(etcd.endpoint, "--may-delete-key", "key-9")
    assert (code, "no: 1 live objects name keyID 'key-9' (1 of them outside /registry/)" in out) == (1, True), out
    assert "earlier prefix: keyIDs key-9 (1)" in out
    assert inspect(etcd.endpoint, "--may-delete-key", "key-0")[0] == 0


@pytest.mark.parametrize("asked", ["", "key-1 ", "sha256:12"])
def test_what_is_no_key_id_is_no_yes(etcd: Etcd, inspect: Inspect, asked: str) -> None:
    code, _, err = inspect(etcd.endpoint, "--may-delete-key", asked)
    assert (code, "no keyID to ask for" in err) == (2, True), err


def test_a_compaction_meanwhile_is_no_yes(etcd: Etcd, inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written below the cursor after a compaction is never seen: here the only object of key-9."""
    page = EtcdReader._page
    pages: list[bytes] = []

    def paged(reader: EtcdReader, start: bytes, end: bytes, limit: int) -> tuple[list[EtcdValue], bool]:
        if len(pages) == 1:
            etcd.client.put("/registry/configmaps/plain/0", sealed("key-9"))
            written = etcd.client.get("/registry/configmaps/plain/0")
            assert written is not None
            etcd.client._call("compaction", {"revision": str(written.mod_revision)})
        pages.append(start)
        return page(reader, start, end, limit)

    monkeypatch.setattr(EtcdReader, "_page", paged)
    code, out, _ = inspect(etcd.endpoint, "--may-delete-key", "key-9")
    assert (code, "no: the store was compacted while it was read" in out) == (1, True), out


def test_a_data_folder_without_its_log_is_refused(etcd: Etcd, supervisor: Supervisor, inspect: Inspect) -> None:
    assert etcd.process is not None
    supervisor.stop(etcd.process)
    (etcd.data / "member" / "wal").rename(etcd.data.parent / "wal-of-its-own")
    code, _, err = inspect(etcd.data, "--may-delete-key", "key-1")
    assert (code, "the data folder has no write-ahead log" in err) == (2, True), err


def test_a_wrong_prefix_is_no_yes(etcd: Etcd, inspect: Inspect) -> None:
    code, _, err = inspect(etcd.endpoint, "--prefix", "/kubernetes.io/", "--may-delete-key", "key-1")
    assert code == 2
    assert "nothing lies below the prefix" in err


def test_large_values_come_in_small_pages(etcd: Etcd, inspect: Inspect) -> None:
    for number in range(40):
        etcd.client.put(f"/registry/secrets/large/{number}", PLAIN + b"x" * 900_000)
    found = json.loads(inspect(etcd.endpoint, "--json")[1])
    assert found["leftovers"] == {"secrets": 47}


def test_a_data_folder_in_use(etcd: Etcd, inspect: Inspect) -> None:
    code, _, err = inspect(etcd.data)
    assert code == 2
    assert "the data folder is in use" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("keep", [0, 0.5, 0.999])
def test_a_torn_snapshot(etcd: Etcd, tmp_path: Path, inspect: Inspect, keep: float) -> None:
    save_snapshot(etcd.client.socket, tmp_path / "snapshot.db")
    data = (tmp_path / "snapshot.db").read_bytes()
    (tmp_path / "torn.db").write_bytes(data[: int(len(data) * keep)])
    code, _, err = inspect(tmp_path / "torn.db")
    assert code == 2
    assert "the snapshot is torn or no snapshot" in err
    assert "Traceback" not in err


def test_an_altered_snapshot(etcd: Etcd, tmp_path: Path, inspect: Inspect) -> None:
    save_snapshot(etcd.client.socket, tmp_path / "snapshot.db")
    data = bytearray((tmp_path / "snapshot.db").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "altered.db").write_bytes(data)
    code, _, err = inspect(tmp_path / "altered.db")
    assert code == 2
    assert "the snapshot is torn" in err


def test_a_folder_of_something_else(tmp_path: Path, inspect: Inspect) -> None:
    assert inspect(tmp_path)[0] == 2
    assert "no such file or folder" in inspect(tmp_path / "absent")[2]


def test_nobody_at_the_socket(tmp_path: Path, inspect: Inspect) -> None:
    code, _, err = inspect(f"unix://{tmp_path}/none.sock")
    assert code == 2
    assert "etcd cannot be reached" in err


@pytest.fixture
def behind_tls(assets: Path, supervisor: Supervisor) -> Iterator[tuple[str, TlsFiles]]:
    """Start an etcd on TCP that wants a client certificate, as kubeadm sets it up."""
    authority = Authority(supervisor.folder / "pki")
    serving = authority.serving("etcd", hosts=("localhost",), addresses=("127.0.0.1",))
    client = authority.client("root", group="etcd")
    peer = f"unix://{supervisor.folder}/peer.sock"
    with ReservedPort() as port:
        endpoint = f"https://127.0.0.1:{port.number}"
        process = supervisor.spawn(
            "etcd-tls",
            [
                *(str(assets / "etcd"), f"--data-dir={supervisor.folder}/tls", "--socket-reuse-port"),
                *(f"--listen-client-urls={endpoint}", f"--advertise-client-urls={endpoint}"),
                *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
                *(f"--initial-cluster=default={peer}", f"--cert-file={serving.certificate}"),
                *(f"--key-file={serving.key}", f"--trusted-ca-file={authority.certificate}", "--client-cert-auth"),
                # Its own gateway is a client too, and needs a certificate for that.
                *(f"--client-cert-file={client.certificate}", f"--client-key-file={client.key}"),
            ],
        )
        tls = TlsFiles(authority.certificate, client.certificate, client.key)

        def answers() -> str | bool:
            try:
                with EtcdReader(endpoint, tls) as reader:
                    return bool(reader.facts().version)
            except InputError as error:
                return f"not yet: {error}"

        wait_until("etcd answers behind TLS", answers, timeout_s=30, alive=[process])
        yield endpoint, tls


def test_tls_with_all_files(behind_tls: tuple[str, TlsFiles], inspect: Inspect) -> None:
    endpoint, tls = behind_tls
    code, _, err = inspect(
        endpoint, "--cacert", str(tls.authority), "--cert", str(tls.certificate), "--key", str(tls.key)
    )
    assert code == 2
    assert "nothing lies below the prefix" in err, "it was read, and is empty"


def test_tls_with_something_missing(behind_tls: tuple[str, TlsFiles], inspect: Inspect) -> None:
    endpoint, tls = behind_tls
    code, _, err = inspect(endpoint.replace("https", "http"))
    assert (code, "etcd does not answer without TLS" in err) == (2, True), err
    code, _, err = inspect(endpoint)
    assert (code, "name the CA of etcd by --cacert" in err) == (2, True), err
    code, _, err = inspect(endpoint, "--cacert", str(tls.authority))
    assert (code, "etcd wants a client certificate" in err) == (2, True), err
