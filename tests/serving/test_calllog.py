"""The log of calls that are refused or fail: who and why, and however often they come, a line a minute."""

from __future__ import annotations

import logging
import re
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from simd.errors import CorruptStore, InvalidRequest, Overloaded, Unauthenticated
from simd.serving.transport.auth import Tokens
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.tls import Tls, TlsFiles
from tests.certificates import Authority
from tests.serving.doubles import serving

ADMIN = "a" * 32
STATUS = "/simd.v1.IndexService/Status"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.name == "simd.serving.transport.calllog"]
    caplog.clear()
    return found


def test_refused_tokens_and_full_lanes_are_told_by_host_at_once_and_then_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    call_log = CallLog()
    for port in range(500):
        call_log.refused(Unauthenticated("the token is not known here"), STATUS, f"ipv4:10.0.0.7:{port}")
    call_log.refused(Overloaded("the daemon already has 64 calls"), STATUS, "ipv4:10.0.0.7:1")
    call_log.refused(Unauthenticated("the token is not known here"), STATUS, "ipv4:10.0.0.8:1")
    assert lines(caplog) == [
        f"{STATUS} from 10.0.0.7 was refused: UNAUTHENTICATED: the token is not known here",
        f"{STATUS} from 10.0.0.7 was refused: OVERLOADED: the daemon already has 64 calls",
        f"{STATUS} from 10.0.0.8 was refused: UNAUTHENTICATED: the token is not known here",
    ]
    call_log.flush()
    assert lines(caplog) == [
        f"{STATUS} from 10.0.0.7 was refused: UNAUTHENTICATED: the token is not known here (499 more like it)"
    ]


def test_requests_that_cannot_be_answered_are_told_alike(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    call_log = CallLog()
    for number in range(100):
        call_log.client_error(InvalidRequest(f"no file {number}"), "Search", "unix:")
    assert lines(caplog) == ["Search from the unix socket: INVALID_REQUEST: no file 0"]


def test_what_fails_in_the_daemon_has_a_number_that_leads_to_its_line_and_not_a_line_for_each_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call_log = CallLog()
    damage, other = CorruptStore("/state/a", 7, "x"), CorruptStore("/state/b", 7, "x")
    numbers = {call_log.server_error(damage, "Search", f"ipv4:10.0.0.7:{port}") for port in range(500)}
    numbers.add(call_log.server_error(other, "Search", "ipv4:10.0.0.7:1"))
    found = lines(caplog)
    assert len(numbers) == len(found) == 2
    assert all(any(number in line for line in found) for number in numbers)
    assert "/state/a: damaged at byte 7" in found[0] and "10.0.0.7" in found[0]
    call_log.flush()
    assert len(lines(caplog)) == 1


def test_a_real_servers_log_names_who_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving(tokens=Tokens([ADMIN])) as bench, grpc.insecure_channel(bench.listen) as channel:
        call: Any = channel.unary_unary(STATUS)
        for _ in range(20):
            with pytest.raises(grpc.RpcError):
                call(b"", metadata=[("authorization", "Bearer guessed")], timeout=10)
        bench.call_log.flush()
        first, second = lines(caplog)
    assert first.startswith(f"{STATUS} from ") and "UNAUTHENTICATED" in first and "guessed" not in first
    assert second.endswith("(19 more like it)")


def connections(call_log: CallLog, begun: int) -> None:
    for _ in range(begun):
        call_log.connected()


def test_connections_that_bring_no_call_are_counted_once_they_had_time_to(caplog: pytest.LogCaptureFixture) -> None:
    call_log = CallLog()
    connections(call_log, 5)
    call_log.called("ipv4:10.0.0.7:1")
    call_log.called("ipv4:10.0.0.7:1")
    call_log.flush()
    assert lines(caplog) == [], "the other four may still call"
    connections(call_log, 1)
    call_log.called("ipv4:10.0.0.7:2")
    call_log.flush()
    [line] = lines(caplog)
    assert re.match(r"3 connections over TLS brought no call", line)
    call_log.flush()
    call_log.flush()
    assert len(lines(caplog)) == 1, "of the one that began in the last minute"


def test_callers_over_other_addresses_explain_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    call_log = CallLog()
    connections(call_log, 2)
    for _ in range(9):
        call_log.called("unix:")
    call_log.flush()
    call_log.flush()
    assert lines(caplog)[0].startswith("2 connections")


def test_a_real_handshake_that_fails_is_counted_and_a_call_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    issued = authority.issue("127.0.0.1")
    call_log = CallLog()
    tls = Tls(TlsFiles(issued.cert, issued.key), call_log.connected)
    with serving(listen="127.0.0.1:0", tls=tls, call_log=call_log) as bench:
        for trusted in (authority, other):
            credentials = grpc.ssl_channel_credentials(trusted.file.read_bytes())
            with grpc.secure_channel(bench.listen, credentials) as channel:
                call: Any = channel.unary_unary(STATUS)
                if trusted is authority:
                    call(b"", timeout=10)
                else:
                    with pytest.raises(grpc.RpcError):
                        call(b"", timeout=10)
        host, _, port = bench.listen.rpartition(":")
        with socket.create_connection((host, int(port))) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.recv(100)
        call_log.flush()
        call_log.flush()
    [line] = lines(caplog)
    assert re.match(r"[2-9] connections over TLS brought no call", line), line
