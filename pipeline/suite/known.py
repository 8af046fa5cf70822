"""Known upstream behaviour as data: where a released Kubernetes does not do what its own documents promise.

A scenario that meets such an issue passes only with the exact observation written here, and names the issue
in its result; anything else fails. When the promised behaviour is seen instead, that is an unexpected fix and
fails too, so that this table never tells an old story.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError
from pipeline.harness.api import ApiClient
from pipeline.suite.scenario import ProofRecorder

Minor = tuple[int, int]
_GIT_VERSION: Final = re.compile(r"v(\d+)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """An upstream issue and the minor versions that have it: `since` to `until`, both included; None is open-ended.

    `promised` is what the documents say, `instead` what is observed as long as the issue is open.
    """

    url: str
    promised: str
    instead: str
    since: Minor
    until: Minor | None = None

    def affects(self, version: Minor) -> bool:
        """Tell whether releases of this minor version have the issue."""
        return self.since <= version and (self.until is None or version <= self.until)


WRITES_STOP: Final = "writes end with 'expired at'"
WRITES_GO_ON: Final = "writes go on"

UNHEALTHY_STATUS_EXTENDS_WRITES: Final = KnownIssue(
    # Read in config.go of 1.34.4, 1.35.0, 1.36.0 and 1.37.2: rotateDEKOnKeyIDChange runs, and extends, also when
    # healthz or version are wrong. Nothing older is built here.
    url="https://github.com/kubernetes/kubernetes/issues/138950",
    promised=WRITES_STOP,
    instead=WRITES_GO_ON,
    since=(1, 34),
)


REMOVED: Final = "HTTP 200, and etcd has the object no more"
KEPT: Final = "HTTP 500, and etcd still has the object"

LOST_KEY_KEEPS_OBJECTS: Final = KnownIssue(
    # KEP-3926. The gate AllowUnsafeMalformedObjectDeletion is on from 1.37, pkg/features/kube_features.go.
    url="https://github.com/kubernetes/kubernetes/issues/86489",
    promised=REMOVED,
    instead=KEPT,
    since=(1, 34),
    until=(1, 36),
)


def kubernetes_minor(api: ApiClient) -> Minor:
    """Return major and minor of the running kube-apiserver, from its /version.

    Raises: InputError when it names no version.
    """
    reply = api.get("/version")
    git_version = str(reply.body.get("gitVersion", "")) if reply.ok else ""
    found = _GIT_VERSION.match(git_version)
    if found is None:
        raise InputError(
            "kube-apiserver names no version", seen=str(reply), wanted="gitVersion v1.N.P", where="/version"
        )
    return int(found[1]), int(found[2])


def prove(proof: ProofRecorder, name: str, issue: KnownIssue, version: Minor, observed: str) -> None:
    """Judge an observation that a known issue is about, and name the issue in the result when it was met.

    Raises: ScenarioFailed when it is neither what is promised nor, on a version that has the issue, what is known.
    """
    shown = ".".join(map(str, version))
    if not issue.affects(version):
        proof.that(name, observed=observed, wanted=issue.promised)
        return
    if observed == issue.promised:
        gone = f"{observed}: {issue.url} is no longer seen in {shown}"
        proof.that(
            name,
            observed=gone,
            wanted=f"{issue.instead}, or an end of the issue in pipeline/suite/known.py",
            holds=False,
        )
    proof.that(
        name,
        observed=observed,
        wanted=f"{issue.instead} (known in {shown}: {issue.url})",
        holds=observed == issue.instead,
    )
    proof.known_issue = issue.url
