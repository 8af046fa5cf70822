"""`ControlPlane`: etcd, the plugin and kube-apiserver as one service that other containers can bind."""

from __future__ import annotations

from typing import Annotated, Final

import dagger
from dagger import Doc

from pipeline.containers.messages import finished
from pipeline.containers.suite import ASSETS_FOLDER, REPORT_FOLDER
from pipeline.containers.typed import field, function, object_type

PORT: Final = 6443
ALIAS: Final = "kube-apiserver"
_PKI: Final = "/pki"
_PROGRAM: Final = ("python", "-m", "pipeline.suite.serve")


@object_type
class ControlPlane:
    """A control plane that encrypts Secrets with the plugin. Its certificates are made anew for each run."""

    image: dagger.Container
    run_id: Annotated[str, Doc("Name of the run that the certificates belong to.")] = field()
    hosts: list[str]

    @function
    def service(self) -> dagger.Service:
        """kube-apiserver on port 6443 as a service; bind it as `kube-apiserver`, or run it with `up`."""
        run = [*_PROGRAM, "run", "--assets", ASSETS_FOLDER, "--report", REPORT_FOLDER, "--pki", _PKI]
        container = self.image.with_directory(_PKI, self.certificates()).with_exposed_port(PORT)
        return container.as_service(args=[*run, "--port", str(PORT)])

    @function
    async def kubeconfig(
        self,
        server: Annotated[str, Doc("URL by which the client reaches the service.")] = f"https://{ALIAS}:{PORT}",
    ) -> dagger.File:
        """Kubeconfig of a cluster administrator, with its certificates inside; https://127.0.0.1:6443 for `up`."""
        words = [*_PROGRAM, "kubeconfig", "--pki", _PKI, "--server", server, "--output", "/kubeconfig"]
        made = self.image.with_directory(_PKI, self.certificates()).with_exec(words)
        return (await finished(made, "writing the kubeconfig", next_step="the lines above say why")).file("/kubeconfig")

    @function
    def bind(
        self,
        container: Annotated[dagger.Container, Doc("Container whose commands talk to the control plane.")],
    ) -> dagger.Container:
        """Return a container with the service bound as `kube-apiserver` and KUBECONFIG set to a file for it."""
        made = self.image.with_directory(_PKI, self.certificates()).with_exec(
            [*_PROGRAM, "kubeconfig", "--pki", _PKI, "--server", f"https://{ALIAS}:{PORT}", "--output", "/kubeconfig"]
        )
        return (
            container.with_service_binding(ALIAS, self.service())
            .with_file("/run/kms-e2e/kubeconfig", made.file("/kubeconfig"))
            .with_env_variable("KUBECONFIG", "/run/kms-e2e/kubeconfig")
        )

    def certificates(self) -> dagger.Directory:
        """Return the certificates of this run; the run id is in the command, so that no other run gets the same."""
        words = [*_PROGRAM, "pki", "--pki", _PKI, "--host", ALIAS, *self.hosts]
        return self.image.with_env_variable("KMS_RUN_ID", self.run_id).with_exec(words).directory(_PKI)
