"""Files that are decoded before anybody asked in which size, because that is likely."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simd.errors import FileChanged, ImageRejected, Reason
from simd.featurize.answers import identity, pictures
from simd.featurize.channel import Message
from simd.featurize.decode import decode
from simd.featurize.workers import DecodedFile, DecodePool, WorkerSettings
from simd.types import ImageId, Size, Stamp, image_id_of
from tests.featurize.drawings import LIMITS, SIZE, encoded, quadrants
from tests.featurize.hostile import hostile
from tests.featurize.test_workers import eventually

SMALL = (8, 24)
PICTURE = encoded(quadrants(), "PNG")
PATIENCE_S = 30.0
MEMORY = 200 << 20


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """One worker that does what the data say."""
    pool = DecodePool(1, WorkerSettings(LIMITS, timeout_s=2.0, memory_bytes=MEMORY), hostile)
    yield pool
    pool.close()


@pytest.fixture
def unconfined() -> Iterator[DecodePool]:
    """The same, whose worker may leave a mark."""
    pool = DecodePool(1, WorkerSettings(LIMITS, confined=False), hostile)
    yield pool
    pool.close()


class Asked:
    """Wants what a test says, and keeps what it was asked."""

    def __init__(self, *sizes: Size) -> None:
        self._sizes = sizes
        self.images: list[ImageId] = []

    def __call__(self, image_id: ImageId) -> tuple[Size, ...]:
        self.images.append(image_id)
        return self._sizes


def guessed(pool: DecodePool, path: Path, asked: Asked, *guess: Size) -> DecodedFile:
    return pool.submit_file(os.fsencode(path), asked, guess).result(PATIENCE_S)


def saved(path: Path, data: bytes = PICTURE) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("guess", "before"), [([SIZE], True), ([], False)])
def test_a_file_is_decoded_before_it_is_asked_about_where_a_size_was_guessed_and_only_there(
    unconfined: DecodePool, tmp_path: Path, guess: list[Size], before: bool
) -> None:
    mark = tmp_path / "mark"
    path = saved(tmp_path / "a.png", b"mark %b %b" % (os.fsencode(mark), PICTURE))
    decoded_before: list[bool] = []

    def wanted(_: ImageId) -> list[Size]:
        decoded_before.append(mark.exists())
        return [SIZE]

    decoded = unconfined.submit_file(os.fsencode(path), wanted, guess).result(PATIENCE_S)
    assert decoded_before == [before]
    assert np.array_equal(decoded.pictures[SIZE], decode(PICTURE, SIZE, LIMITS).pixels)


@pytest.mark.parametrize("wanted", [[SIZE], [SIZE, SMALL], [SMALL]])
def test_what_is_wanted_comes_whatever_was_guessed(pool: DecodePool, tmp_path: Path, wanted: list[Size]) -> None:
    path, asked = saved(tmp_path / "a.png"), Asked(*wanted)
    decoded = guessed(pool, path, asked, SIZE)
    assert asked.images == [image_id_of(PICTURE)] == [decoded.image_id], "asked once"
    assert decoded.stamp == Stamp.of(path.stat()) and decoded.facts is not None
    assert (decoded.facts.width, decoded.facts.height, decoded.facts.format) == (96, 64, "PNG")
    assert set(decoded.pictures) == set(wanted)
    for size, pixels in decoded.pictures.items():
        assert np.array_equal(pixels, decode(PICTURE, size, LIMITS).pixels)


def test_what_is_not_wanted_is_named_and_nothing_more(pool: DecodePool, tmp_path: Path) -> None:
    decoded = guessed(pool, saved(tmp_path / "a.png"), Asked(), SIZE)
    assert decoded.image_id == image_id_of(PICTURE) and decoded.stamp is not None
    assert decoded.pictures == {} and decoded.facts is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [(PICTURE[:40], Reason.TRUNCATED), (b"segv", Reason.CRASHED), (b"hang", Reason.TIMEOUT), (b"", Reason.EMPTY)],
)
def test_a_broken_file_is_that_file_alone(pool: DecodePool, tmp_path: Path, data: bytes, reason: Reason) -> None:
    with pytest.raises(ImageRejected) as caught:
        guessed(pool, saved(tmp_path / "broken", data), Asked(SIZE), SIZE)
    assert caught.value.reason is reason
    assert guessed(pool, saved(tmp_path / "a.png"), Asked(SIZE), SIZE).pictures


def test_a_file_that_is_gone_is_not_found(pool: DecodePool, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        guessed(pool, tmp_path / "gone", Asked(SIZE), SIZE)


def test_what_the_question_raises_is_the_callers_and_the_worker_goes_on(pool: DecodePool, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")

    def broken(_: ImageId) -> list[Size]:
        raise LookupError("no catalogue")

    assert isinstance(pool.submit_file(os.fsencode(path), broken, [SIZE]).exception(PATIENCE_S), LookupError)
    assert guessed(pool, path, Asked(SIZE), SIZE).pictures


def test_a_large_picture_waits_for_its_memory_like_any_other_and_is_asked_about_once(tmp_path: Path) -> None:
    pool = DecodePool(2, WorkerSettings(LIMITS, PATIENCE_S, MEMORY, confined=False), hostile)
    first, waits = tmp_path / "first", saved(tmp_path / "waits", b"needs %d %b" % (MEMORY, PICTURE))
    saved(first, b"needs %d hold %b" % (MEMORY, os.fsencode(first)))
    asked = Asked(SIZE)
    try:
        holding = pool.submit_file(os.fsencode(first), Asked(SIZE), [SIZE])
        eventually(first.with_suffix(".held").exists)
        waiting = pool.submit_file(os.fsencode(waits), asked, [SIZE])
        # One worker is left for both: it is done with the large one when it is done with the small one.
        assert guessed(pool, saved(tmp_path / "small"), Asked(SIZE), SIZE).pictures
        assert not waiting.done() and asked.images == []
        first.with_suffix(".free").mkdir()
        assert isinstance(holding.exception(PATIENCE_S), ImageRejected)
        assert np.array_equal(waiting.result(PATIENCE_S).pictures[SIZE], decode(PICTURE, SIZE, LIMITS).pixels)
        assert asked.images == [image_id_of(waits.read_bytes())]
    finally:
        pool.close()


def test_a_file_that_changes_between_two_readings_is_nobodys_picture(pool: DecodePool, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")

    def rewritten(_: ImageId) -> list[Size]:
        path.write_bytes(encoded(quadrants(), "BMP"))
        return [SMALL]

    assert isinstance(pool.submit_file(os.fsencode(path), rewritten, [SIZE]).exception(PATIENCE_S), FileChanged)


def test_a_worker_must_say_of_what_file_the_pictures_are() -> None:
    body = bytes(SIZE[0] * SIZE[1] * 3)
    facts = {"facts": [4, 3, "PNG"]}
    with pytest.raises(KeyError):
        pictures(Message(facts, body), [SIZE], identified=True)
    with pytest.raises(ValueError, match="wrong length"):
        pictures(Message({**facts, "image_id": "00", "stamp": [1, 2, 3, 4]}, body), [SIZE], identified=True)
    named = Message({**facts, "image_id": "ab" * 16, "stamp": [1, 2, 3, 4]}, body)
    found = pictures(named, [SIZE], identified=True)
    assert found.identity == identity(named)  # type: ignore[union-attr]
