"""Pages of a list, and the tokens that lead from one to the next.

A token holds the key of the last line of its page, so it stays good whatever comes and goes meanwhile, and a seal of
what was asked for, so that it is refused where it does not belong. It holds no secret.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from simd.errors import InvalidRequest
from simd.types import FileKey

DEFAULT_PAGE = 100
MAX_PAGE = 1000

_SEAL_BYTES = 8
_MAX_ROOT_ID = 1 << 63


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list `name`, of the files under `under`: `size` lines that follow `after`."""

    name: str
    under: bytes
    size: int
    after: FileKey | None

    @classmethod
    def asked(cls, name: str, under: bytes, size: int, token: str) -> Page:
        """The page a request asks for.

        Raises:
            InvalidRequest: a size that is too great, or a token of another list or of nobody.
        """
        if size > MAX_PAGE:
            raise InvalidRequest(f"page_size {size} is not in 1..{MAX_PAGE}", field="page_size")
        after = _opened(token, _seal(name, under)) if token else None
        return cls(name, under, size or DEFAULT_PAGE, after)

    def token(self, last: FileKey) -> str:
        """What leads to the page after this one, whose last line has this key."""
        return base64.urlsafe_b64encode(_seal(self.name, self.under) + b"%d:%s" % (last.root_id, last.path)).decode()


def _seal(name: str, under: bytes) -> bytes:
    return hashlib.blake2b(under, digest_size=_SEAL_BYTES, person=name.encode()).digest()


def _opened(token: str, seal: bytes) -> FileKey:
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        root_id, separator, path = content[_SEAL_BYTES:].partition(b":")
        number = int(root_id)
        if not content.startswith(seal) or not separator or not 0 <= number < _MAX_ROOT_ID:
            raise ValueError("it is of another list")
    except ValueError as error:
        raise InvalidRequest(
            "page_token is not one that was given out for this list",
            field="page_token",
            remedy="ask for the same path_prefix as before, or start again without one",
        ) from error
    return FileKey(number, path)
