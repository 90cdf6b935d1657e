"""Addresses and ports of this PC."""

from __future__ import annotations

import errno
import socket

from cluster.errors import ClusterError

PORTS_TRIED = 50


def local_address() -> str:
    """This PC's address towards the others, by the routing table alone: nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET: a route is looked up, no packet leaves
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def free_port(address: str, wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on. Raises ClusterError after 50, or for a wrong address."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    continue
                raise ClusterError(f"cannot listen on {address}: {error.strerror}") from error
            return port
    raise ClusterError(f"no free port from {wanted} to {wanted + PORTS_TRIED - 1} on {address}")
