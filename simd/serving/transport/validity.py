"""Until when certificates are valid: read from the files, and said in the log before they expire and after.

The two dates of a certificate (RFC 5280, 4.1.2.5) are taken out of its DER by hand. Python's `ssl` tells them only of a
certificate that it has just verified, which one that has expired never is.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

SOON_S = 14 * 86400.0
"""Seconds before its end from which on a certificate is worth a warning."""
_DAY_S = 86400.0

_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when and until when all certificates of a file are valid, in seconds since the epoch."""

    file: Path
    begin: float
    end: float

    @classmethod
    def of(cls, file: Path) -> Validity | None:
        """That of a PEM file; None if it holds no certificate that can be read."""
        try:
            found = [_dates(ssl.PEM_cert_to_DER_cert(pem)) for pem in _PEM.findall(file.read_text("ascii", "replace"))]
        except (OSError, ValueError, IndexError):
            return None
        return cls(file, max(begin for begin, _ in found), min(end for _, end in found)) if found else None

    def wrong(self, now: float) -> str:
        """What is or soon will be wrong with it, for a person; "" if nothing is."""
        if now >= self.end:
            return f"the certificate in {self.file} expired on {_day(self.end)}: nobody who verifies it connects"
        if now < self.begin:
            return f"the certificate in {self.file} is not valid before {_day(self.begin)}; is the clock right?"
        if now >= self.end - SOON_S:
            return (
                f"the certificate in {self.file} expires on {_day(self.end)}, in {(self.end - now) / _DAY_S:.0f} days"
            )
        return ""

    def text(self) -> str:
        """Until when, for a person."""
        return f"the certificate in {self.file} is valid until {_day(self.end)}"


class ExpiryWarnings:
    """Logs what is wrong with certificates: at the start, once a day, and when a file has changed.

    Args:
        files: PEM files.
        clock: seconds since the epoch.
    """

    def __init__(self, files: Sequence[Path], clock: Callable[[], float] = time.time) -> None:
        self._files = files
        self._clock = clock
        self._logged: dict[Path, tuple[Validity, int]] = {}

    def check(self) -> None:
        """Log it, if it was not logged today."""
        now = self._clock()
        for file in self._files:
            validity = Validity.of(file)
            wrong = "" if validity is None else validity.wrong(now)
            if validity is None or not wrong:
                continue
            # Counted from its end, so that the first day on which it is no longer valid has a line at once.
            day = (validity, int((now - validity.end) // _DAY_S))
            if self._logged.get(file) != day:
                self._logged[file] = day
                log.log(logging.ERROR if now >= validity.end else logging.WARNING,
                        "%s; a new one is taken up without a restart", wrong)  # fmt: skip


def _dates(der: bytes) -> tuple[float, float]:
    certificate = _read(der, 0)
    fields = list(_children(der, _read(der, certificate.start)))
    # Before the validity come the version, which may be left out, the number, the algorithm and the issuer.
    begin, end = _children(der, fields[4 if fields[0].tag == _VERSION else 3])
    return _seconds(der, begin), _seconds(der, end)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of DER: its tag, and where its content is."""

    tag: int
    start: int
    stop: int


def _read(der: bytes, at: int) -> _Value:
    tag, length = der[at], der[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(der[at : at + count], "big"), at + count
    if at + length > len(der):
        raise ValueError("it ends early")
    return _Value(tag, at, at + length)


def _children(der: bytes, parent: _Value) -> Iterator[_Value]:
    at = parent.start
    while at < parent.stop:
        value = _read(der, at)
        yield value
        at = value.stop


def _seconds(der: bytes, value: _Value) -> float:
    text = der[value.start : value.stop].decode("ascii")
    if value.tag == _UTC_TIME:
        # Two digits of a year are those of 1950 to 2049.
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif value.tag != _GENERALIZED_TIME:
        raise ValueError("no time is where one must be")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
