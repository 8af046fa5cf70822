"""Snapshots of etcd: taken through its JSON gateway, restored by etcdutl into a new data folder."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Final

import httpx

from pipeline.errors import InputError, ProcessError

_TIMEOUT_S: Final = 600.0
# etcd appends a SHA-256 to a snapshot, and a database's size is a multiple of 512 bytes
# (etcdutl/snapshot/v3_snapshot.go).
_SECTOR_BYTES: Final = 512
_DIGEST_BYTES: Final = 32


def save_snapshot(socket: Path, target: Path) -> None:
    """Write a snapshot of the etcd behind a Unix socket, as `etcdctl snapshot save` does.

    Raises: ProcessError when etcd breaks off.
    """
    transport = httpx.HTTPTransport(uds=str(socket))
    with (
        httpx.Client(transport=transport, base_url="http://etcd", timeout=_TIMEOUT_S) as http,
        http.stream("POST", "/v3/maintenance/snapshot", json={}) as answer,
        target.open("wb") as file,
    ):
        answer.raise_for_status()
        for line in answer.iter_lines():
            message = json.loads(line)
            if "result" not in message:
                raise ProcessError("etcd broke the snapshot off", seen=line[:300], where=str(socket))
            file.write(base64.b64decode(message["result"].get("blob", "")))


def restore_snapshot(etcdutl: Path, snapshot: Path, data: Path) -> None:
    """Make a new data folder `data` of a snapshot; its digest is checked.

    Raises: InputError when the snapshot is torn or altered, has no digest, or is no snapshot.
    """
    argv = [str(etcdutl), "snapshot", "restore", str(snapshot), "--data-dir", str(data)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except OSError as error:
        wanted = "etcdutl among the binaries; `kms-e2e build` makes it"
        raise InputError("etcdutl cannot be started", seen=str(error), wanted=wanted, where=argv[0]) from error
    if done.returncode == 0:
        return
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    # etcdutl panics on some torn files; the stack that follows says nothing to a reader.
    said = next((line for line in lines if line.startswith(("Error", "panic"))), lines[-1] if lines else "")
    raise InputError(
        "the snapshot is torn or no snapshot",
        seen=f"{snapshot.stat().st_size} bytes; etcdutl: {said[:300] or f'exit code {done.returncode}'}",
        wanted="a whole file of `etcdctl snapshot save`, which ends with its SHA-256",
        where=str(snapshot),
        next_step=_advice(snapshot),
    )


def _advice(snapshot: Path) -> str:
    if snapshot.stat().st_size % _SECTOR_BYTES != _DIGEST_BYTES:
        return "take it anew; of a database file copied from a data folder name the folder instead"
    return "take it anew, or compare it with the place it was copied from"
