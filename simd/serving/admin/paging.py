"""Pages of a list, and the tokens that lead from one to the next.

A token holds the key of the last line of its page, so it stays good whatever comes and goes meanwhile, and a seal of
what was asked for, so that it is refused where it does not belong. It holds no secret. Those of files hold how many
lines there are on all pages as well, so that they are counted once.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from simd.errors import InvalidRequest
from simd.types import FileKey

DEFAULT_PAGE = 100
MAX_PAGE = 1000

_SEAL_BYTES = 8
_MAX_NUMBER = 1 << 63


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list `name`, of the files under `under`: `size` lines that follow `after`. `total` is how many
    there are on all pages; None if this is the first one."""

    name: str
    under: bytes
    size: int
    after: FileKey | None = None
    total: int | None = None

    @classmethod
    def asked(cls, name: str, under: bytes, size: int, token: str) -> Page:
        """The page a request asks for; of a size that is too great, as many lines as a page may have.

        Raises:
            InvalidRequest: a token of another list, or one that was never given out.
        """
        first = cls(name, under, size_of(size))
        return first._following(token) if token else first

    def token(self, last: FileKey, total: int) -> str:
        """What leads to the page after this one, whose last line has this key."""
        return sealed(self.name, self.under, b"%d:%d:%s" % (total, last.root_id, last.path))

    def _following(self, token: str) -> Page:
        """The page that a token leads to."""
        with unsealed(self.name, self.under, token, remedy="ask for the same path_prefix as before") as content:
            total, root_id, path = content.split(b":", 2)
            return replace(self, after=FileKey(_number(root_id), path), total=_number(total))


def size_of(asked: int, *, default: int = DEFAULT_PAGE) -> int:
    """How many lines a page has that was asked for with this size."""
    return min(asked or default, MAX_PAGE)


def sealed(name: str, asked: bytes, content: bytes) -> str:
    """A token.

    Args:
        name: of the list, at most 16 letters.
        asked: what was asked for.
        content: where the next page begins.
    """
    return base64.urlsafe_b64encode(_seal(name, asked) + content).decode()


@contextmanager
def unsealed(name: str, asked: bytes, token: str, *, remedy: str) -> Iterator[bytes]:
    """The content of a token; arguments as for `sealed`.

    Raises:
        InvalidRequest: it is of another list, or was never given out, which ValueError and struct.error inside the
            block say as well; `remedy` is what to do.
    """
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        if not content.startswith(_seal(name, asked)):
            raise ValueError("it is of another list")
        yield content[_SEAL_BYTES:]
    except (ValueError, struct.error) as error:
        raise InvalidRequest(
            "page_token is not one that was given out for this list",
            field="page_token",
            remedy=f"{remedy}, or start again without one",
        ) from error


def _seal(name: str, asked: bytes) -> bytes:
    return hashlib.blake2b(asked, digest_size=_SEAL_BYTES, person=name.encode()).digest()


def _number(digits: bytes) -> int:
    number = int(digits)
    if not 0 <= number < _MAX_NUMBER:
        raise ValueError("it is no number that is given out")
    return number
