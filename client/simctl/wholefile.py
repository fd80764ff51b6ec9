"""Files that appear under their names when they are whole, and not before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from simctl.errors import SimctlError


@contextmanager
def whole_file(path: str) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of the one at `path` when the block ends, and goes when it raises.

    Raises:
        SimctlError: it cannot be written.
    """
    # A link stays one: what it leads to is written.
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        # It would be replaced by the file, which a device or a pipe does not survive.
        raise SimctlError(f"cannot write {path}: it is not a regular file")
    try:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(target), prefix=".simctl-", delete=False) as whole:
            try:
                yield whole.file
                whole.close()
                os.replace(whole.name, target)
            except BaseException:
                os.unlink(whole.name)
                raise
    except OSError as error:
        raise SimctlError(f"cannot write {path}: {error.strerror}") from error
