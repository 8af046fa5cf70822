"""Another project's pipeline: its own containerised test against our control plane, and our report on its plugin."""

from typing import Annotated

import dagger
from dagger import DefaultPath, Doc, dag, function, object_type

Repository = Annotated[dagger.Directory, Doc("Repository of the plugin."), DefaultPath("/")]


@object_type
class KmsConsumer:
    """Toolchain, control plane and report of `kms`, composed for another project."""

    @function
    async def go(self, source: Repository) -> str:
        """`go version` of the toolchain that the plugin's `.go-version` asks for."""
        return await dag.kms(source=source).toolchain().container().with_exec(["go", "version"]).stdout()

    @function
    async def write_secret(self, source: Repository) -> str:
        """Create a Secret on a control plane that encrypts it with the plugin, and read it back."""
        plane = dag.kms(source=source).control_plane()
        client = dag.container().from_("python:3.13-slim").with_exec(["pip", "install", "--quiet", "kr8s==0.20.15"])
        program = dag.current_module().source().file("kms_consumer/secret_client.py")
        bound = plane.bind(client.with_file("/secret_client.py", program))
        return await bound.with_exec(["python", "/secret_client.py"]).stdout()

    @function
    async def evidence(self, source: Repository, focus: str = "A05") -> dagger.Directory:
        """Evidence of a part of the suite."""
        return dag.kms(source=source).report(focus=focus).directory()
