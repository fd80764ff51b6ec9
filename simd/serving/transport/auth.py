"""Who may call what: bearer tokens and the two roles they give.

A token travels in a header, `authorization: Bearer TOKEN`. Without tokens in the configuration everybody who can reach
the server has the role admin: a unix socket's mode, or a certificate that TLS asked for, has decided who that is. Once
there are tokens they are asked for on every address, the unix socket included.

A file of tokens that changes is read again by the next call, so a token can be replaced or withdrawn at any time. One
that cannot be used any more is logged, and the tokens before it stay.

Tokens are kept as SHA-256 and every one of them is compared, in constant time, so that how long an answer takes tells
nothing about how much of a guess was right.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from simd.errors import ConfigError, PermissionDenied, Unauthenticated
from simd.privatefile import read_tokens
from simd.types import Stamp

log = logging.getLogger(__name__)

Metadata = Mapping[str, str]
"""The headers of a call, their names in lower case; the values of one name are joined by commas."""

_HEADER = "authorization"
_SCHEME = "bearer "


class Role(IntEnum):
    """What a caller may do; each role may do what those before it may. ANYONE needs no token."""

    ANYONE = 0
    READ = 1
    ADMIN = 2


class Authorizer(Protocol):
    """Decides who may call what."""

    def __bool__(self) -> bool:
        """Whether tokens are asked for at all."""
        ...

    def authorize(self, needed: Role, metadata: Metadata) -> str | None:
        """Whose call it is, if that caller may make it.

        Args:
            needed: the role that the call needs.
            metadata: the headers of the call.

        Returns:
            Another name for every token, "" where none is asked for; None is a stranger, who may do what anyone may.

        Raises:
            Unauthenticated: there is no token, or it is not known.
            PermissionDenied: the token's role is less than what is needed.
        """
        ...


class Tokens:
    """The tokens that are known.

    Args:
        admin: those that may do everything.
        read: those that may search and look.
    """

    def __init__(self, admin: Iterable[str] = (), read: Iterable[str] = ()) -> None:
        roles = [(Role.ADMIN, admin), (Role.READ, read)]
        self._known = [(_digest(token), role) for role, tokens in roles for token in tokens]

    @classmethod
    def from_files(cls, token_file: Path | None, read_token_file: Path | None) -> Tokens:
        """The tokens of two files, one a line; empty lines and those that begin with # say nothing.

        Raises:
            ConfigError: a file cannot be read, others may read it, it holds no token, or one that is too short, or
                the files share one.
        """
        admin = [] if token_file is None else read_tokens(token_file, "token_file")
        read = [] if read_token_file is None else read_tokens(read_token_file, "read_token_file")
        if set(admin) & set(read):
            raise ConfigError(
                f"{token_file} and {read_token_file} hold the same token: readers would be administrators",
                field="read_token_file",
                remedy="make another one: openssl rand -hex 32",
            )
        return cls(admin, read)

    def __bool__(self) -> bool:
        """Whether tokens are asked for at all."""
        return bool(self._known)

    def authorize(self, needed: Role, metadata: Metadata) -> str | None:
        """As `Authorizer.authorize`."""
        if not self._known:
            return ""
        try:
            name, role = self._owner_of(_token_in(metadata))
        except Unauthenticated:
            if needed is Role.ANYONE:
                return None
            raise
        if role < needed:
            raise PermissionDenied(
                f"the token has the role {role.name.lower()}, this call needs {needed.name.lower()}",
                remedy="use a token of the daemon's token_file",
            )
        return name

    def _owner_of(self, token: str) -> tuple[str, Role]:
        digest = _digest(token)
        found = Role.ANYONE
        for known, role in self._known:
            if hmac.compare_digest(digest, known):
                found = role
        if found is Role.ANYONE:
            raise Unauthenticated("the token is not known here", remedy="it may have been replaced by another")
        return digest.hex()[:16], found


class TokenFiles:
    """The tokens of files, as they are now. Every method may be called from any thread.

    Args:
        token_file: the tokens that may do everything; None is none.
        read_token_file: those that may search and look.

    Raises:
        ConfigError: as `Tokens.from_files`.
    """

    def __init__(self, token_file: Path | None, read_token_file: Path | None) -> None:
        self._files = (token_file, read_token_file)
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._tokens = Tokens.from_files(*self._files)

    def __bool__(self) -> bool:
        """Whether tokens are asked for at all."""
        return bool(self._tokens)

    def authorize(self, needed: Role, metadata: Metadata) -> str | None:
        """As `Authorizer.authorize`."""
        stamps = self._look()
        with self._lock:
            if stamps != self._stamps:
                self._stamps = stamps
                self._read_again()
        return self._tokens.authorize(needed, metadata)

    def _look(self) -> tuple[Stamp | None, ...]:
        return tuple(Stamp.at(file) for file in self._files if file is not None)

    def _read_again(self) -> None:
        try:
            self._tokens = Tokens.from_files(*self._files)
        except ConfigError as error:
            log.warning("the tokens changed and cannot be used, those before stay: %s", error)
        else:
            log.info("the tokens were read again")


def _token_in(metadata: Metadata) -> str:
    value = metadata.get(_HEADER, "")
    if not value.lower().startswith(_SCHEME):
        raise Unauthenticated(
            "this daemon asks for a token", remedy="send it as `authorization: Bearer TOKEN`; simctl has --token-file"
        )
    return value[len(_SCHEME) :].strip()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
