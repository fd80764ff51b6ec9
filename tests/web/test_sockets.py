"""What the page's connections are like."""

from __future__ import annotations

import socket

from simd.web.server import listening
from simd.web.site import site


def test_no_part_of_an_answer_waits_until_the_browser_has_told_that_the_one_before_came() -> None:
    place = site("127.0.0.1:0", names=(), proxy="", encrypted=False, has_login=False)
    with listening(place) as sock, socket.create_connection(sock.getsockname()):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
