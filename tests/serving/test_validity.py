"""Until when certificates are valid, and who is told when."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from simd.serving.transport.validity import ExpiryWarnings, Validity

DAY_S = 86400.0
NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def issued(
    path: Path, *, end: datetime = NOW + timedelta(days=100), begin: datetime = NOW - timedelta(days=100)
) -> Path:
    """A file with a certificate of these dates."""
    cert = trustme.CA().issue_cert("127.0.0.1", not_before=begin, not_after=end)
    path.write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    return path


@pytest.mark.parametrize("end", [datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)])
def test_both_dates_are_those_that_others_read(tmp_path: Path, end: datetime) -> None:
    file = issued(tmp_path / "cert.pem", end=end)
    read = x509.load_pem_x509_certificate(file.read_bytes())
    found = Validity.of(file)
    assert found is not None
    assert found.begin == read.not_valid_before_utc.timestamp()
    assert found.end == read.not_valid_after_utc.timestamp() == end.timestamp()


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    files = [issued(tmp_path / f"{days}", end=NOW + timedelta(days=days)) for days in (30, 10, 20)]
    chain = tmp_path / "chain"
    chain.write_bytes(b"some text\n" + b"".join(file.read_bytes() for file in files))
    found = Validity.of(chain)
    assert found is not None and found.end == (NOW + timedelta(days=10)).timestamp()


def test_what_holds_no_certificate_is_none(tmp_path: Path) -> None:
    whole = issued(tmp_path / "cert.pem").read_bytes()
    der = base64.b64decode(b"".join(whole.splitlines()[1:-1]))
    for n, content in enumerate([b"", b"x", whole[:200]]):
        (tmp_path / f"bad{n}").write_bytes(content)
        assert Validity.of(tmp_path / f"bad{n}") is None
    for size in range(0, len(der), 7):
        text = base64.encodebytes(der[:size]).decode()
        (tmp_path / "cut").write_text(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
        Validity.of(tmp_path / "cut")
    assert Validity.of(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("days", "said"),
    [(100, ""), (13, "expires on 2026-05-14 12:00 UTC, in 13 days"), (-1, "expired on 2026-04-30 12:00 UTC")],
)
def test_what_is_wrong_is_said_before_and_after(tmp_path: Path, days: int, said: str) -> None:
    found = Validity.of(issued(tmp_path / "cert.pem", end=NOW + timedelta(days=days)))
    assert found is not None
    wrong = found.wrong(NOW.timestamp())
    assert said in wrong and bool(wrong) == bool(said)


def test_one_that_is_not_valid_yet_is_wrong(tmp_path: Path) -> None:
    found = Validity.of(issued(tmp_path / "cert.pem", begin=NOW + timedelta(days=1)))
    assert found is not None and "not valid before" in found.wrong(NOW.timestamp())


def test_the_log_has_a_line_a_day_from_two_weeks_before_until_it_is_renewed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end = (NOW + timedelta(days=20)).timestamp()
    file = issued(tmp_path / "cert.pem", end=NOW + timedelta(days=20))
    now = NOW.timestamp()
    warnings = ExpiryWarnings([file, tmp_path / "missing"], clock=lambda: now)
    lines: list[tuple[int, int]] = []
    for minute in range(0, 23 * 24 * 60, 15):
        now = NOW.timestamp() + 60 * minute
        warnings.check()
        lines += [(minute // (24 * 60), record.levelno) for record in caplog.records]
        caplog.clear()
    assert lines == [(day, logging.WARNING) for day in range(6, 20)] + [(day, logging.ERROR) for day in (20, 21, 22)]
    assert now > end
    issued(file, end=NOW + timedelta(days=400))
    warnings.check()
    assert not caplog.records
