"""F61: what encryption costs API users, measured against a control plane that differs in nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.core.comparison import GATE
from pipeline.core.encryption import Identity, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.report.figures import duration, percentile
from pipeline.suite.lifecycle.workload import Measured, Workload, compare_planes
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import new_namespace

_PAIRS: Final = 12
_WORKLOAD: Final = Workload()

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@scenario(
    Scenario(
        id="F61",
        title="encryption by the plugin slows API users by less than a fifth",
        level=Level.INFO,
        source="KEP-3299, Scalability: the difference in request latencies stays below 20 %",
        subject=Subject.KUBE_APISERVER,
        deadline_s=600.0,
        # It waits for nothing, but it takes longer than the fast tier has.
        fast=False,
        alone=True,
        twin=Twin(
            breaks="client: five reads precede each creation on the encrypted plane", reason="with KMS / without"
        ),
    )
)
def scenario_throughput(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """The same requests on Secrets with KMS and with identity, in turn, 12 pairs; the interval of the ratio decides.

    It fails only when the whole 95 % interval lies above the gate; one that spans it is said to be inconclusive.
    etcd runs without fsync on both sides, so the ratio is the API server's and an upper bound of what users see.
    """
    plain = make_control_plane(ControlPlaneOptions(configure=lambda _: encrypt(["secrets"], Identity())))
    kms = make_control_plane(ControlPlaneOptions())
    sides = [(plane.api, new_namespace(plane, proof)) for plane in (plain, kms)]
    pairs, without, with_kms = compare_planes(sides[0], sides[1], _WORKLOAD, _PAIRS)
    for name, measured in (("without KMS", without), ("with KMS", with_kms)):
        proof.that(f"requests that failed {name}", observed=measured.failures, wanted=[])
        proof.that(
            f"latencies {name}, median and 99th percentile",
            observed=_percentiles(measured),
            wanted="reported",
            holds=measured.requests > 0,
        )
    calls = kms.proxy.count("Encrypt")
    proof.that("Encrypt calls for all writes", observed=calls, wanted="1 to 3", holds=1 <= calls <= 3)  # noqa: PLR2004
    ratio = pairs.ratio()
    verdict = ratio.against(GATE)
    proof.that(
        "time of the workload, with KMS / without",
        observed=f"{ratio}: {verdict} the gate" if verdict != "inconclusive" else f"{ratio}: inconclusive",
        wanted=f"not above {GATE:.2f}",
        holds=verdict != "above",
    )


def _percentiles(measured: Measured) -> str:
    return "; ".join(
        f"{verb} {duration(percentile(samples, 50))} and {duration(percentile(samples, 99))}"
        for verb, samples in sorted(measured.latencies_s.items())
    )
