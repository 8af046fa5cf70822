"""What a containerised test does: it knows a kubeconfig and nothing of how the control plane was made."""

import base64
import sys

from kr8s.objects import Namespace, Secret

# A namespace of its own: `default` is made by kube-apiserver some seconds after it begins to serve.
Namespace({"metadata": {"name": "demo"}}).create()
secret = Secret({"metadata": {"name": "demo", "namespace": "demo"}, "stringData": {"password": "hunter2"}})
secret.create()
value = base64.b64decode(Secret.get("demo", namespace="demo").raw["data"]["password"]).decode()
sys.stdout.write(f"read back: {value}\n")
