from __future__ import annotations

import os
from pathlib import Path

import pytest
from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[3]
PROTOS = sorted((ROOT / "pipeline/harness/kms").glob("*.proto"))


def test_there_are_protos() -> None:
    assert [proto.stem for proto in PROTOS] == ["encrypted_object", "kms_v1beta1", "kms_v2"]


@pytest.mark.parametrize("proto", PROTOS, ids=lambda proto: proto.stem)
def test_the_committed_code_is_what_the_generator_makes(
    proto: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make it anew: python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. pipeline/harness/kms/*.proto."""
    monkeypatch.chdir(ROOT)
    name = os.path.relpath(proto, ROOT)
    assert protoc.main(["protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", name]) == 0
    for suffix in ("_pb2.py", "_pb2.pyi"):
        made = (tmp_path / name).with_name(proto.stem + suffix)
        assert proto.with_name(proto.stem + suffix).read_text() == made.read_text()
