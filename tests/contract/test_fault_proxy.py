"""Every fault of the proxy is documented, and has a test against a real socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.harness import proxy

ROOT = Path(__file__).parents[2]
BASES = {"Fault", "ConnectionFault"}
FAULTS = sorted(
    name
    for name in proxy.__all__
    if isinstance(kind := getattr(proxy, name), type) and issubclass(kind, proxy.Fault) and name not in BASES
)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_documented_and_tested(name: str) -> None:
    rows = [line for line in (ROOT / "docs/fault-proxy.md").read_text().splitlines() if line.startswith("| `")]
    (row,) = [line for line in rows if line.startswith(f"| `{name}(")]
    for field in getattr(proxy, name).__slots__:
        assert field in row.split("|")[1], f"{name}.{field}"
    assert f"{name}(" in (ROOT / "tests/e2e/wire/test_proxy.py").read_text()


def test_every_kind_of_damage_is_documented() -> None:
    text = (ROOT / "docs/fault-proxy.md").read_text()
    assert [damage.name for damage in proxy.Damage if f"`{damage.name}`" not in text] == []
