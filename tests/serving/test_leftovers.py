"""A call that is over leaves nothing of its pictures, whether it was answered or refused.

The garbage collector comes when there are many objects, however large they are: sixty refused pictures of 20 MB, each
in a cycle with its own error, made a daemon of 280 MB one of a gigabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, ImageRejected
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.serving.search.batch import Batch, BatchQuery
from simd.serving.search.queries import Queries, Query
from simd.serving.search.subjects import ImageBytes
from simd.serving.transport.fairsemaphore import FairSemaphore
from tests.featurize.drawings import encoded, quadrants
from tests.leftovers import nothing_kept
from tests.serving.doubles import prepared

_SIZE = 2 << 20
BAD = b"\x89PNG\r\n\x1a\n".ljust(_SIZE)
GOOD = encoded(quadrants(), "PNG").ljust(_SIZE)


@pytest.fixture
def queries() -> Iterator[Queries]:
    pool = DecodePool(1, WorkerSettings(DecodeLimits(1 << 24, 1 << 24)))
    with prepared() as bench:
        bench.put("red.jpg", b"picture 200 10 10")
        yield bench.queries(decoder=pool)
    pool.close()


def _picture(data: bytes) -> ImageBytes:
    """Bytes of its own, as a request has."""
    return ImageBytes(bytes(bytearray(data)))


def _answered(queries: Queries) -> None:
    assert queries.search(Query(_picture(GOOD))).matches


def _refused(queries: Queries) -> None:
    with pytest.raises(ImageRejected):
        queries.search(Query(_picture(BAD)))


def _abandoned(queries: Queries) -> None:
    left = Cancelled()
    left.set()
    with pytest.raises(Abandoned):
        queries.search(Query(_picture(GOOD)), left)


def _compared(queries: Queries) -> None:
    assert queries.compare(_picture(GOOD), _picture(GOOD)).same


def _compared_in_vain(queries: Queries) -> None:
    with pytest.raises(ImageRejected):
        queries.compare(_picture(GOOD), _picture(BAD))


def _streamed(queries: Queries) -> None:
    asked = [BatchQuery(1, Query(_picture(GOOD))), BatchQuery(2, Query(_picture(BAD)))]
    assert len(list(Batch(queries, FairSemaphore(1 << 30)).answers(iter(asked)))) == 2


def _left(queries: Queries) -> None:
    """A caller who leaves when the first answer is there, while others are ready or under way."""
    asked = (BatchQuery(tag, Query(_picture(GOOD))) for tag in range(8))
    answers = Batch(queries, FairSemaphore(1 << 30)).answers(asked)
    next(answers)
    cast(Generator[Any, None, None], answers).close()


def _broken_off(queries: Queries) -> None:
    """A caller whose connection breaks."""

    def asked() -> Iterator[BatchQuery]:
        yield from (BatchQuery(tag, Query(_picture(GOOD))) for tag in range(8))
        raise ConnectionResetError("it broke")

    with pytest.raises(ConnectionResetError):
        list(Batch(queries, FairSemaphore(1 << 30)).answers(asked()))


@pytest.mark.parametrize(
    "act", [_answered, _refused, _abandoned, _compared, _compared_in_vain, _streamed, _left, _broken_off]
)
def test_nothing_is_kept_of_the_pictures_of_a_call(queries: Queries, act: Callable[[Queries], None]) -> None:
    act(queries)
    with nothing_kept(_SIZE):
        for _ in range(4):
            act(queries)
