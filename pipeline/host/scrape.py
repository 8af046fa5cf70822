"""Read a plugin's metrics page: `python -m pipeline.host.scrape unix:///path [METRIC]`.

Prints the page, or the sum of a metric over all its labels. The reference plugin's hooks call it.
"""

from __future__ import annotations

import http.client
import socket
import sys
from typing import Final

TIMEOUT_S: Final = 10.0
_PREFIX: Final = "unix://"
_OK: Final = 200


def read_page(address: str) -> str:
    """Return the metrics page behind `unix:///path`.

    Raises: OSError when nobody answers, with the status when it is not 200.
    """
    connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(TIMEOUT_S)
    with connection.sock:
        connection.sock.connect(address.removeprefix(_PREFIX))
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        page = answer.read().decode()
    if answer.status != _OK:
        raise ConnectionError(f"{address}: status {answer.status}")
    return page


def total(page: str, metric: str) -> float:
    """Return the sum of a metric over all its labels, 0 when it is not on the page."""
    lines = (line for line in page.splitlines() if not line.startswith("#"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.partition("{")[0].split(" ")[0] == metric)


def main(arguments: list[str]) -> int:
    """Print the page, or the sum of one metric."""
    try:
        page = read_page(arguments[0])
    except OSError as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 1
    sys.stdout.write(page if len(arguments) == 1 else f"{total(page, arguments[1]):.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
