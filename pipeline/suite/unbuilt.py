"""The 63 checks of the KMS v2 checklist, so that one without a scenario is in every report as *not run*, never absent.

A check whose scenario exists is passed over: the scenario's own title counts then.
"""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, NotRun, Outcome, ScenarioResult, Subject

CHECKS: Final[tuple[tuple[str, str, NotRun], ...]] = (
    ("A01", "The socket appears in time, private to its owner", NotRun.NOT_BUILT),
    ("A02", "Status has a version, a health and a keyID within the limits", NotRun.NOT_BUILT),
    ("A03", "Status is stable over many calls", NotRun.NOT_BUILT),
    ("A04", "Status makes no billable call to the backend", NotRun.NOT_BUILT),
    ("A05", "Encrypt answers within the limits of the contract", NotRun.NOT_BUILT),
    ("A06", "Annotations keep their limits and hold no plaintext", NotRun.NOT_BUILT),
    ("A07", "Encryption is randomised", NotRun.NOT_BUILT),
    ("A08", "Decrypt gives back what was encrypted", NotRun.NOT_BUILT),
    ("A09", "Decrypt refuses an unknown keyID", NotRun.NOT_BUILT),
    ("A10", "Decrypt refuses altered ciphertext and annotations", NotRun.NOT_BUILT),
    ("A11", "Malformed ciphertext is an error and never a crash", NotRun.NOT_BUILT),
    ("A12", "Cancelled calls leave nothing behind", NotRun.NOT_BUILT),
    ("A13", "Many calls at once are not mixed up", NotRun.NOT_BUILT),
    ("A14", "A restarted plugin decrypts what it encrypted before", NotRun.NOT_BUILT),
    ("A15", "Two instances decrypt each other's output", NotRun.NOT_BUILT),
    ("A16", "Logs and metrics hold no plaintext", NotRun.NOT_BUILT),
    ("A17", "Latencies stay within their budgets", NotRun.NOT_BUILT),
    ("B18", "kube-apiserver starts and its KMS health is ok", NotRun.NOT_BUILT),
    ("B19", "A Secret survives a round trip", NotRun.NOT_BUILT),
    ("B20", "etcd holds the prefix of the provider and no plaintext", NotRun.NOT_BUILT),
    ("B21", "The stored object decodes and names the plugin's key", NotRun.NOT_BUILT),
    ("B22", "Every Secret that was stored plain is encrypted by a rewrite", NotRun.NOT_BUILT),
    ("B23", "One seed serves a thousand writes", NotRun.NOT_BUILT),
    ("B24", "The metric of keyIDs counts every write", NotRun.NOT_BUILT),
    ("B25", "The metric of KMS operations counts every method", NotRun.NOT_BUILT),
    ("B26", "An update without a change writes nothing", NotRun.NOT_BUILT),
    ("B27", "Wildcards, groups and masking by identity", NotRun.NOT_BUILT),
    ("B28", "Custom resources and APIServices are encrypted by the same plugin", NotRun.NOT_BUILT),
    ("B29", "ConfigMaps, Pods and large objects are encrypted", NotRun.NOT_BUILT),
    ("B30", "Watch and paged LIST work on encrypted resources", NotRun.NOT_BUILT),
    ("C31", "kube-apiserver writes with a rotated key", NotRun.NOT_BUILT),
    ("C32", "A rotation gives a new seed", NotRun.NOT_BUILT),
    ("C33", "Old objects stay readable and are rewritten once", NotRun.NOT_BUILT),
    ("C34", "A storage migration leaves nothing under the old key", NotRun.NOT_BUILT),
    ("C34b", "A StorageVersionMigration leaves nothing under the old key", NotRun.NOT_BUILT),
    ("C34c", "A StorageVersionMigration that starts too early leaves the old key", NotRun.NOT_BUILT),
    ("C35", "After a restart only the new key is read from storage", NotRun.NOT_BUILT),
    ("C36", "Three generations of keys are readable without a migration", NotRun.NOT_BUILT),
    ("C37", "A reinstated key gets a keyID of its own", NotRun.NOT_BUILT),
    ("C38", "A disabled key fails closed before the migration and harms nothing after it", NotRun.NOT_BUILT),
    ("C39", "A rotation under load fails no write", NotRun.NOT_BUILT),
    ("C40", "A mismatch of Status and Encrypt writes nothing with the new key", NotRun.NOT_BUILT),
    ("D41", "kube-apiserver waits for a plugin that starts late", NotRun.NOT_BUILT),
    ("D42", "Writes go on for three minutes without the plugin, reads for longer", NotRun.NOT_BUILT),
    ("D43", "The first good Status restores writes", NotRun.NOT_BUILT),
    ("D44", "A restart without the plugin fails closed and stays alive", NotRun.NOT_BUILT),
    ("D45", "Slow, flapping, half-open and malformed plugins are named", NotRun.NOT_BUILT),
    ("D46", "An outage of the plugin's backend loses no data", NotRun.NOT_BUILT),
    ("D47", "A reboot of the node does not lock kube-apiserver and plugin against each other", NotRun.NEEDS_NODE),
    ("D48", "A damaged value fails alone", NotRun.NOT_BUILT),
    ("E49", "A reloaded configuration adds, reorders and removes providers", NotRun.NOT_BUILT),
    ("E50", "A bad configuration is refused and the old one kept", NotRun.NOT_BUILT),
    ("E51", "Objects of other providers migrate to KMS v2", NotRun.NOT_BUILT),
    ("E52", "Objects migrate from one plugin to another and back", NotRun.NOT_BUILT),
    ("E53", "Encryption can be disabled", NotRun.NOT_BUILT),
    ("E54", "Each failing provider is named", NotRun.NOT_BUILT),
    ("E55", "A restart with the last configuration reads everything", NotRun.NOT_BUILT),
    ("F56", "A restored snapshot is readable with its keys, and names the missing ones", NotRun.NOT_BUILT),
    ("F57", "Another version of the plugin reads the same data, and back", NotRun.NOT_BUILT),
    ("F58", "Upgrades and rollbacks between Kubernetes minors read the same data", NotRun.NOT_BUILT),
    ("F59", "API servers with plugins of their own converge after a rotation", NotRun.NOT_BUILT),
    ("F60", "A cold start decrypts seeds, not objects", NotRun.NOT_BUILT),
    ("F61", "Throughput with and without KMS", NotRun.NOT_BUILT),
    ("F62", "The same results on another architecture", NotRun.NOT_BUILT),
    ("F63", "Every binary was built with the Go version that was asked for", NotRun.NOT_BUILT),
)


def unbuilt(present: set[str]) -> list[ScenarioResult]:
    """Return a *not run* result for each check of the checklist that is not among `present`."""
    return [
        ScenarioResult(
            id=name,
            title=title,
            family=name[0],
            level=Level.INFO,
            source="",
            subject=Subject.PROCEDURE,
            outcome=Outcome.NOT_RUN,
            reason=reason,
        )
        for name, title, reason in CHECKS
        if name not in present
    ]
