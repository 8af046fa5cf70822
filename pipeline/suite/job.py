"""The job that a run is part of, by the variables that Prow sets.

Source: docs.prow.k8s.io, "Job Environment Variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.core.result import JobVariable

PROW_VARIABLES: Final = (
    "JOB_NAME",
    "JOB_TYPE",
    "BUILD_ID",
    "PROW_JOB_ID",
    "REPO_OWNER",
    "REPO_NAME",
    "PULL_BASE_REF",
    "PULL_BASE_SHA",
    "PULL_REFS",
    "PULL_NUMBER",
    "PULL_PULL_SHA",
)


def job_variables(environment: Mapping[str, str]) -> tuple[JobVariable, ...]:
    """Return the variables by which Prow names this job; none outside of Prow."""
    return tuple(JobVariable(name, environment[name]) for name in PROW_VARIABLES if environment.get(name))
