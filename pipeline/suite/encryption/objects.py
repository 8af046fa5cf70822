"""Small valid objects of kinds that the scenarios create."""

from __future__ import annotations

GROUP = "kms-e2e.example.com"


def container(argument: str = "") -> dict[str, object]:
    """Return a container that is never run; `argument` stands on its command line."""
    return {"name": "one", "image": "example.com/none", "args": [argument] if argument else []}


def deployment(name: str) -> dict[str, object]:
    """Return a Deployment; without a controller it stays alone."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def definition() -> dict[str, object]:
    """Return a definition of Widgets with one text field."""
    schema = {"type": "object", "properties": {"value": {"type": "string"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def custom_resource(name: str, value: str) -> dict[str, object]:
    """Return a Widget."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": name}, "value": value}


def apiservice() -> dict[str, object]:
    """Return an APIService whose service does not exist."""
    spec = {
        "group": "elsewhere.example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": "none", "namespace": "default"},
        "insecureSkipTLSVerify": True,
    }
    metadata = {"name": "v1.elsewhere.example.com"}
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata, "spec": spec}
