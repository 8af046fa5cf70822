from __future__ import annotations

import json

from pipeline.core.encryption import Identity, KmsProvider, LocalProvider, encrypt


def test_the_configuration_is_what_kube_apiserver_reads() -> None:
    configuration = encrypt(
        ["secrets", "*.apps"],
        KmsProvider("one", "unix:///run/kms.sock", timeout_s=1.5),
        LocalProvider("aescbc", "key1", "c2VjcmV0"),
        Identity(),
    )
    assert json.loads(configuration.to_json()) == {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets", "*.apps"],
                "providers": [
                    {
                        "kms": {
                            "apiVersion": "v2",
                            "name": "one",
                            "endpoint": "unix:///run/kms.sock",
                            "timeout": "1500ms",
                        }
                    },
                    {"aescbc": {"keys": [{"name": "key1", "secret": "c2VjcmV0"}]}},
                    {"identity": {}},
                ],
            }
        ],
    }
