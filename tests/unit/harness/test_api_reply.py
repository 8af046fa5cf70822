from __future__ import annotations

import pytest

from pipeline.harness.api import Reply


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (
            Reply(201, '{"kind": "Secret", "metadata": {"name": "s"}, "data": {"value": "c2VjcmV0"}}'),
            "HTTP 201: Secret s",
        ),
        (Reply(200, '{"kind": "SecretList", "metadata": {}, "items": []}'), "HTTP 200: SecretList"),
        (Reply(200, '{"kind": "Status", "status": "Success"}'), "HTTP 200: Status"),
        (Reply(200, '{"gitVersion": "v1.37.2"}'), "HTTP 200: an object"),
        (Reply(200, "ok"), "HTTP 200: ok"),
        (Reply(500, '{"kind": "Status", "message": "expired"}'), 'HTTP 500: {"kind": "Status", "message": "expired"}'),
        (Reply(0, "ConnectError: refused"), "HTTP 0: ConnectError: refused"),
    ],
)
def test_a_reply_is_one_line(reply: Reply, line: str) -> None:
    assert str(reply) == line
