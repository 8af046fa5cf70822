"""Official release binaries of Kubernetes: fetched once, and compared with the digest that is published beside them."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.errors import InputError, MachineError
from pipeline.host.paths import CachePaths

if TYPE_CHECKING:
    import httpx

MIRROR: Final = "https://dl.k8s.io/release"
"""Where the Kubernetes project publishes its releases. Source: kubernetes.io/releases/download."""

_LINE: Final = re.compile(r"v?(1\.\d+)")
_VERSION: Final = re.compile(r"v?(1\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?)")
_ALGORITHMS: Final = ("sha512", "sha256")
_TIMEOUT_S: Final = 60.0
_CHUNK_BYTES: Final = 1 << 20
_MISSING: Final = (403, 404)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release binary in the cache, with its address and the published digest that its bytes have."""

    version: str
    path: Path
    address: str
    algorithm: str
    digest: str


def fetch_release(mirror: str, version: str, platform: str, paths: CachePaths) -> Fetched:
    """Return kube-apiserver of a release: of an exact version, or of the newest of a line such as `1.37`.

    The digest is asked for each time, so a damaged or replaced file of the cache is fetched again.

    Raises: InputError when there is no such release for this platform; MachineError when the host cannot be reached
    or sends other bytes than it published a digest of.
    """
    import httpx  # noqa: PLC0415 - needed for this source alone

    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True) as client:
        try:
            exact = _exact(client, mirror, version)
            address = f"{mirror}/{exact}/bin/{platform}/kube-apiserver"
            algorithm, digest = _published(client, address)
            target = paths.root / "releases" / exact / platform.replace("/", "-") / "kube-apiserver"
            if not target.is_file() or _digest(target, algorithm) != digest:
                _download(client, address, target, (algorithm, digest))
        except (httpx.HTTPError, OSError) as error:
            raise MachineError(
                "a release of Kubernetes could not be fetched",
                seen=str(error) or type(error).__name__,
                where=mirror,
                next_step="check the network and HTTPS_PROXY, or build it from its Go modules by --kubernetes alone",
            ) from error
    return Fetched(exact, target, address, algorithm, digest)


def _exact(client: httpx.Client, mirror: str, version: str) -> str:
    if match := _VERSION.fullmatch(version):
        return f"v{match[1]}"
    line = _LINE.fullmatch(version)
    if line is None:
        raise InputError(
            "not a Kubernetes version",
            seen=repr(version),
            wanted=f"a line such as {DEFAULT_RELEASE.minor} or a version such as {DEFAULT_RELEASE.version}",
            where="--kubernetes",
        )
    address = f"{mirror}/stable-{line[1]}.txt"
    answer = client.get(address)
    found = _VERSION.fullmatch(answer.text.strip()) if answer.is_success else None
    if found is None:
        raise _unknown(version, address, answer)
    return f"v{found[1]}"


def _published(client: httpx.Client, address: str) -> tuple[str, str]:
    """Return the algorithm and the digest that are published beside a binary, the longest first."""
    for algorithm in _ALGORITHMS:
        answer = client.get(f"{address}.{algorithm}")
        if answer.is_success:
            digest = answer.text.split()[0].lower() if answer.text.split() else ""
            if re.fullmatch(rf"[0-9a-f]{{{hashlib.new(algorithm).digest_size * 2}}}", digest):
                return algorithm, digest
            raise MachineError("what is published is no digest", seen=answer.text[:120], where=f"{address}.{algorithm}")
        if answer.status_code not in _MISSING:
            answer.raise_for_status()
    raise _unknown(address.split("/")[-5], address, answer)


def _download(client: httpx.Client, address: str, target: Path, wanted: tuple[str, str]) -> None:
    algorithm, digest = wanted
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".kube-apiserver.", delete=False) as file:
        temporary = Path(file.name)
        try:
            with client.stream("GET", address) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
            file.flush()
            found = _digest(temporary, algorithm)
            if found != digest:
                raise MachineError(
                    "a release binary does not have the bytes that its digest was published of",
                    seen=f"{algorithm} {found}",
                    wanted=f"{algorithm} {digest}",
                    where=address,
                    next_step="do not use it; fetch it again, and report it when it stays",
                )
            temporary.chmod(0o755)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _unknown(version: str, address: str, answer: httpx.Response) -> InputError:
    return InputError(
        "there is no such release of Kubernetes for this platform",
        seen=f"{version}: HTTP {answer.status_code}",
        where=address,
        next_step=f"name a released version, such as {DEFAULT_RELEASE.version}",
    )
