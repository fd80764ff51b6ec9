"""Tells systemd how the service is: one datagram to `$NOTIFY_SOCKET` (sd_notify(3)); silent outside systemd."""

from __future__ import annotations

import os
import socket


def notify(*lines: str) -> None:
    """Send state lines such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto("\n".join(lines).encode(), address)
