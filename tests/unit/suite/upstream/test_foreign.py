"""On a cluster of the user's, two readings of metrics are compared only when one process answered both."""

from __future__ import annotations

import pytest

from pipeline.core.result import Outcome
from pipeline.suite.upstream.foreign import Reading, judge_difference, read_metrics

METRICS = """# TYPE apiserver_storage_transformation_operations_total counter
apiserver_storage_transformation_operations_total{{resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:kms:v2:x:"}} {kms}
apiserver_storage_transformation_operations_total{{resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="identity"}} {plain}
process_start_time_seconds {started}
go_goroutines 7
"""  # noqa: E501 - the form of kube-apiserver's answer


def reading(kms: int = 0, plain: int = 0, started: float = 1.7e9) -> Reading:
    return read_metrics(METRICS.format(kms=kms, plain=plain, started=started))


def test_metrics_say_when_the_process_started_and_what_it_wrote() -> None:
    assert reading(3, 2) == Reading(1.7e9, {"secrets": 3}, {"secrets": 2})
    assert read_metrics("") == Reading(None, {}, {})


@pytest.mark.parametrize(
    ("after", "outcome", "reason"),
    [
        (reading(10, 1), Outcome.PASSED, ""),
        (reading(10, 5), Outcome.FAILED, "Secrets written otherwise: saw 4"),
        (reading(4, 5), Outcome.FAILED, "Secrets encrypted by KMS v2: saw 0"),
        (reading(120, 120, 1.8e9), Outcome.NOT_RUN, "different kube-apiserver processes"),
        (reading(0, 0, 1.8e9), Outcome.NOT_RUN, "different kube-apiserver processes"),
        (reading(4, 1), Outcome.NOT_RUN, "wrote no Secret"),
    ],
)
def test_the_difference_is_judged_where_it_says_something(after: Reading, outcome: Outcome, reason: str) -> None:
    result = judge_difference(reading(4, 1), after)
    assert result.outcome is outcome
    assert reason in result.reason


def test_without_a_start_time_nothing_is_judged() -> None:
    unknown = Reading(None, {"secrets": 1}, {})
    assert judge_difference(unknown, Reading(None, {"secrets": 9}, {})).outcome is Outcome.NOT_RUN
