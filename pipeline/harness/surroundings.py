"""What stands around one plugin instance: folders, placeholders, user and root, environment, files, side services."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.core.architectures import FOLDER
from pipeline.core.plugin_spec import SECOND_FOLDER, PluginSpec, SecretSource, replace_placeholders
from pipeline.errors import InputError
from pipeline.harness.jail import Jail, copy_root, make_jail
from pipeline.harness.process import Setting
from pipeline.harness.secret_values import Secrets, all_secrets
from pipeline.harness.services import Services, free_ports
from pipeline.harness.supervisor import Supervisor

_SCRUBBED: Final = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
_NOT_THE_PLUGIN_S: Final = ("kube-*", "etcd*", SECOND_FOLDER, FOLDER)
_TRAVERSABLE: Final = 0o711
_IMAGE_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What container runtimes set for an image that says nothing else."""


class Surroundings:
    """Made for one instance; a sibling on the same state shares jail, state, files and services with the first one."""

    def __init__(
        self, spec: PluginSpec, supervisor: Supervisor, assets: Path, name: str, first: Surroundings | None = None
    ) -> None:
        """Make the folders and files; nothing is started.

        Raises: InputError for a user, a secret or a file's path that cannot be used; MachineError for a lack of rights.
        """
        self.spec = spec
        self.folder = supervisor.folder / name
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.jail: Jail | None = first.jail if first else self._jail(assets)
        base = self.jail.root / "kms" / name if self.jail and self.jail.root else self.folder
        self.run = base / "run"
        self.state: Path = first.state if first else base / "state"
        self.services_folder: Path = first.services_folder if first else base / "services"
        for path in (self.run, self.state, self.services_folder):
            self.make_private(path)
        self.socket = self.run / spec.socket
        self.secrets: Secrets = first.secrets if first else all_secrets(spec)
        self.assets: Path = first.assets if first else self._visible_assets(assets)
        self.ports: dict[str, int] = first.ports if first else free_ports(spec.services)
        self.values = self._values(self.jail)
        self.services: Services = first.services if first else self._make_services(supervisor, name)
        if first is None:
            self._write_files()

    def make_private(self, path: Path) -> None:
        """Make a folder that only the plugin's user can read."""
        path.mkdir(mode=0o700, exist_ok=True, parents=True)
        if self.jail:
            self.jail.own(path)

    def setting(self) -> Setting:
        """Return what plugin and hooks run in: a few variables of ours, then the specification's, then secrets."""
        environment = self._environment(self.spec.env, self.spec.secrets, self.values, self.jail)
        return Setting(environment, self.jail, self.secrets)

    def expand(self, words: Sequence[str]) -> list[str]:
        """Return words of the specification with socket, state and assets filled in."""
        return [replace_placeholders(word, self.values) for word in words]

    def _jail(self, assets: Path) -> Jail | None:
        if not self.spec.root:
            jail = make_jail(self.spec.user, None)
        else:
            found = make_jail(self.spec.user, assets / self.spec.root)
            root = self.folder / "root"
            copy_root(assets / self.spec.root, root, found)
            jail = replace(found, root=root, workdir=self.spec.workdir or "/") if found else None
        if jail is not None:
            for path in (self.folder.parent, self.folder):
                path.chmod(_TRAVERSABLE)
        return jail

    def _visible_assets(self, assets: Path) -> Path:
        """Return a folder of the plugin's own files that its user can reach."""
        if self.jail is None or self.jail.root is not None:
            return assets
        copied = self.folder / "assets"
        if not copied.exists():
            shutil.copytree(assets, copied, ignore=shutil.ignore_patterns(*_NOT_THE_PLUGIN_S))
            copied.chmod(_TRAVERSABLE)
        return copied

    def _values(self, jail: Jail | None) -> dict[str, str]:
        paths = {"socket": self.socket, "run": self.run, "state": self.state, "services": self.services_folder}
        shown = {name: jail.inside(path) if jail else str(path) for name, path in paths.items()}
        ports = {f"port.{name}": str(port) for name, port in self.ports.items()}
        return {**shown, "assets": str(self.assets), "python": sys.executable, **ports}

    def _environment(
        self,
        env: Sequence[tuple[str, str]],
        sources: Mapping[str, SecretSource],
        values: Mapping[str, str],
        jail: Jail | None = None,
    ) -> dict[str, str]:
        if jail is not None and jail.root is not None:
            own = {"PATH": _IMAGE_PATH, "HOME": jail.home}
        else:
            own = {name: os.environ[name] for name in _SCRUBBED if name in os.environ}
        secrets = {name: self.secrets.values[name] for name, source in sources.items() if not source.to_file}
        return own | {name: replace_placeholders(value, values) for name, value in env} | secrets

    def _make_services(self, supervisor: Supervisor, name: str) -> Services:
        jail = Jail(self.jail.uid, self.jail.gid) if self.jail else None
        values = self._values(None)
        settings = {
            service.name: Setting(self._environment(service.env, service.secrets, values), jail, self.secrets)
            for service in self.spec.services
        }
        return Services(self.spec.services, supervisor, name, values, settings)

    def _write_files(self) -> None:
        secret = [
            (source.to_file, self.secrets.values[name]) for name, source in self.spec.all_secrets() if source.to_file
        ]
        for path, text in (*self.spec.files, *secret):
            content = replace_placeholders(text, self.values) if (path, text) in self.spec.files else text
            self._write(path, content)

    def _write(self, path: str, content: str) -> None:
        shown = replace_placeholders(path, self.values)
        target = self.jail.outside(shown) if self.jail else Path(shown)
        folders = (self.state, self.run, self.services_folder)
        if not any(target.resolve().is_relative_to(folder.resolve()) for folder in folders):
            raise InputError(
                "a file of the plugin lies outside its private folders",
                seen=path,
                wanted="a path such as {state}/config.yaml, below {state}, {run} or {services}",
                where="kms-e2e.toml, run.files or to_file of a secret",
                next_step="correct the path, and name it so in the plugin's arguments",
            )
        self.make_private(target.parent)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        if self.jail:
            self.jail.own(target)
