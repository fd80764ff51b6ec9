from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image, ImageCms

from simd.errors import FileChanged, ImageRejected, Reason, SimdError
from simd.featurize.decode.decode import DecodeLimits, decode, render
from simd.featurize.decode.renditions import Format, Grey, Rendition, Stretched, Thumbnail
from simd.featurize.priority import Priority
from simd.featurize.workers.pool import Decoded, DecodedFile, DecodePool, WorkerSettings
from simd.types import ImageId, Stamp, image_id_of
from tests.featurize.drawings import INPUT, LIMITS, assert_upright, encoded, quadrants
from tests.featurize.hostile import hostile

SETTINGS = WorkerSettings(LIMITS)
SMALL = Stretched((8, 24))
PICTURE = encoded(quadrants(), "PNG")
THUMBNAIL = Thumbnail(40, 80, "webp")
PATIENCE_S = 50.0


def always(_: ImageId) -> list[Rendition]:
    return [INPUT]


def never(_: ImageId) -> list[Rendition]:
    return []


def rejection(future: Future[Decoded] | Future[DecodedFile]) -> ImageRejected:
    error = future.exception(PATIENCE_S)
    assert isinstance(error, ImageRejected), error
    return error


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    pool = DecodePool(1, SETTINGS)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def rough() -> Iterator[DecodePool]:
    """One worker that does what the data say, with little time on the CPU and memory."""
    pool = DecodePool(1, WorkerSettings(LIMITS, timeout_s=1.0, memory_bytes=256 << 20, priority=Priority.IDLE), hostile)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def free() -> Iterator[DecodePool]:
    """One worker that does what the data say, and may leave traces of it."""
    pool = DecodePool(1, WorkerSettings(LIMITS, confined=False), hostile)
    yield pool
    pool.close()


def test_a_wanted_file_is_identified_and_all_is_made_of_it_that_is_asked_for(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "no image by its name.txt"
    path.write_bytes(PICTURE)
    asked: list[ImageId] = []

    def wanted(image_id: ImageId) -> list[Rendition]:
        asked.append(image_id)
        return [INPUT, SMALL, THUMBNAIL, Grey(32)]

    decoded = pool.submit_file(os.fsencode(path), wanted).result(PATIENCE_S)
    status = path.stat()
    assert asked == [decoded.image_id] == [image_id_of(PICTURE)]
    assert decoded.stamp == Stamp.of(status)
    assert set(decoded.pictures) == {INPUT, SMALL, Grey(32)} and decoded.facts is not None
    for rendition in (INPUT, SMALL):
        assert np.array_equal(decoded.pictures[rendition], decode(PICTURE, rendition.size, LIMITS).pixels)
    assert decoded.pictures[Grey(32)].shape == (21, 32)
    assert decoded.thumbnails == {THUMBNAIL: render(PICTURE, [THUMBNAIL], LIMITS).made[0]}
    assert (decoded.facts.width, decoded.facts.height, decoded.facts.format) == (96, 64, "PNG")


def test_a_file_dated_beyond_what_64_bits_of_nanoseconds_hold_is_decoded(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "from the year 2299.png"
    path.write_bytes(PICTURE)
    os.utime(path, (10_400_000_000, 10_400_000_000))
    assert path.stat().st_mtime_ns >= 1 << 63
    decoded = pool.submit_file(os.fsencode(path), always).result(PATIENCE_S)
    assert decoded.stamp == Stamp.of(path.stat()) and decoded.pictures


def test_a_file_that_is_not_wanted_is_not_decoded_however_broken(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(PICTURE[:40])
    decoded = pool.submit_file(os.fsencode(path), never).result(PATIENCE_S)
    assert decoded.image_id == image_id_of(PICTURE[:40])
    assert decoded.pictures == {} and decoded.facts is None
    assert rejection(pool.submit_file(os.fsencode(path), always)).reason is Reason.TRUNCATED


def test_bytes_are_decoded(pool: DecodePool) -> None:
    decoded = pool.submit_bytes(PICTURE, INPUT).result(PATIENCE_S)
    assert_upright(decoded.pictures[INPUT])
    assert rejection(pool.submit_bytes(b"", INPUT)).reason is Reason.EMPTY


def test_a_name_that_is_not_utf8_is_read(pool: DecodePool, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9 \n.png"
    with open(path, "wb") as stream:
        stream.write(PICTURE)
    assert pool.submit_file(path, always).result(PATIENCE_S).pictures


def test_a_file_that_is_gone_is_not_found(pool: DecodePool, tmp_path: Path) -> None:
    assert isinstance(pool.submit_file(os.fsencode(tmp_path / "gone"), always).exception(PATIENCE_S), FileNotFoundError)
    (tmp_path / "file").write_bytes(b"x")
    beneath = pool.submit_file(os.fsencode(tmp_path / "file" / "x"), always)
    assert isinstance(beneath.exception(PATIENCE_S), FileNotFoundError)


def test_what_is_no_regular_file_is_unreadable_and_holds_nothing_up(pool: DecodePool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        error = rejection(pool.submit_file(os.fsencode(path), always))
        assert error.reason is Reason.UNREADABLE and "regular file" in error.detail


def test_a_link_that_turns_in_a_circle_is_unreadable_with_the_systems_words(pool: DecodePool, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link")
    error = rejection(pool.submit_file(os.fsencode(tmp_path / "link"), always))
    assert error.reason is Reason.UNREADABLE and os.strerror(40) in error.detail


def test_a_file_that_is_too_large_is_refused_unread(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    error = rejection(pool.submit_file(os.fsencode(path), always))
    assert error.reason is Reason.TOO_MANY_BYTES and "max_image_bytes" in error.detail
    assert rejection(pool.submit_bytes(bytes(LIMITS.max_bytes + 1), INPUT)).reason is Reason.TOO_MANY_BYTES


def test_a_file_written_to_all_the_time_is_never_half_read(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "growing.bin"
    path.write_bytes(PICTURE + b"\0" * (8 << 20))
    stop = threading.Event()

    def grow() -> None:
        with path.open("r+b") as stream:
            stream.seek(len(PICTURE))
            while not stop.is_set():
                stream.write(b"\1")
                stream.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        eventually(lambda: isinstance(pool.submit_file(os.fsencode(path), never).exception(PATIENCE_S), FileChanged))
    finally:
        stop.set()
        thread.join()


def test_what_the_question_raises_is_the_callers_and_the_worker_goes_on(pool: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PICTURE)

    def broken(_: ImageId) -> list[Rendition]:
        raise LookupError("no catalogue")

    assert isinstance(pool.submit_file(os.fsencode(path), broken).exception(PATIENCE_S), LookupError)
    assert pool.submit_file(os.fsencode(path), always).result(PATIENCE_S).pictures


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (b"segv", Reason.CRASHED, "SIGSEGV"),
        (b"exit", Reason.CRASHED, "status 3"),
        (b"raise", Reason.CRASHED, "status 1"),
        (b"spin", Reason.TIMEOUT, "decode_timeout_s"),
        (b"memory", Reason.OUT_OF_MEMORY, "memory"),
        (b"garble", Reason.CRASHED, "no sense"),
        (b"less " + PICTURE, Reason.CRASHED, "no sense"),
    ],
)
def test_what_an_image_does_to_a_worker_is_that_images_alone(
    rough: DecodePool, tmp_path: Path, data: bytes, reason: Reason, says: str
) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(data)
    for future in (rough.submit_bytes(data, INPUT), rough.submit_file(os.fsencode(path), always)):
        error = rejection(future)
        assert error.reason is reason and says in error.detail, error.detail
    assert rough.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures


def test_a_worker_that_hangs_up_and_lives_on_is_ended_and_was_killed_by_nobody_else() -> None:
    pool = DecodePool(1, WorkerSettings(LIMITS, wall_s=4.0), hostile)
    try:
        error = rejection(pool.submit_bytes(b"shut", INPUT))
        assert error.reason is Reason.CRASHED and "did not end" in error.detail
        assert pool.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    finally:
        pool.close()


@pytest.mark.parametrize("lie", ["less", "more", "flood", "other", "fewer", "several", "nothing"])
@pytest.mark.parametrize("wanted", [[INPUT], [THUMBNAIL, INPUT], [Grey(16), SMALL]])
def test_a_worker_that_answers_other_than_was_asked_is_not_believed(
    rough: DecodePool, wanted: list[Rendition], lie: str
) -> None:
    error = rejection(rough.submit_bytes(lie.encode() + b" " + PICTURE, *wanted))
    assert error.reason is Reason.CRASHED and "no sense" in error.detail, error.detail
    assert rough.submit_bytes(PICTURE, *wanted).result(PATIENCE_S).facts.width == 96


def test_confined_workers_make_thumbnails_of_pictures_with_profiles(pool: DecodePool) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("JPEG", "PNG", "WEBP"):
        data = encoded(quadrants(), name, icc_profile=profile)
        wanted = [Thumbnail(64, 90, format_name) for format_name in get_args(Format)]
        found = pool.submit_bytes(data, *wanted).result(PATIENCE_S).thumbnails
        for rendition in wanted:
            with Image.open(io.BytesIO(found[rendition])) as image:
                assert image.size == (64, 43) and image.format == rendition.format.upper()


@pytest.mark.parametrize("name", ["PNG", "AVIF", "TIFF", "JPEG2000"])
def test_a_picture_larger_than_its_memory_is_out_of_memory(name: str) -> None:
    settings = WorkerSettings(DecodeLimits(1 << 24, 1 << 30), memory_bytes=40 << 20)
    options = {"compression": "tiff_adobe_deflate"} if name == "TIFF" else {}
    data = encoded(Image.new("RGB", (4000, 4000)), name, **options)
    pool = DecodePool(1, settings)
    try:
        error = rejection(pool.submit_bytes(data, INPUT))
        assert error.reason is Reason.OUT_OF_MEMORY and "decode_memory_bytes" in error.detail, error.detail
        assert pool.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    finally:
        pool.close()


def test_a_worker_writes_no_file_and_steps_back(rough: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "written"
    assert "kept from writing" in rejection(rough.submit_bytes(b"write " + os.fsencode(path), INPUT)).detail
    assert not path.exists() or path.stat().st_size == 0
    assert int(rejection(rough.submit_bytes(b"policy", INPUT)).detail) == os.SCHED_IDLE


@pytest.mark.parametrize(
    ("kills", "detail"), [(1, "it lived"), (2, "it lived"), (3, "too little memory"), (9, "memory")]
)
def test_a_worker_killed_by_somebody_else_says_little_about_its_image(
    free: DecodePool, tmp_path: Path, kills: int, detail: str
) -> None:
    data = b"killed %d %s" % (kills, os.fsencode(tmp_path / "mark"))
    error = rejection(free.submit_bytes(data, INPUT))
    assert detail in error.detail and error.reason is (Reason.CORRUPT if kills < 3 else Reason.KILLED)
    assert len(list(tmp_path.iterdir())) == min(kills, 3)
    path = tmp_path / "file"
    path.write_bytes(b"killed 1 %s" % os.fsencode(tmp_path / "file"))
    assert "it lived" in rejection(free.submit_file(os.fsencode(path), always)).detail


def test_a_worker_killed_while_idle_costs_no_image(rough: DecodePool) -> None:
    pid = int(rejection(rough.submit_bytes(b"pid", INPUT)).detail)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not running(pid))
    assert rough.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures


def test_stop_signals_leave_workers_to_their_parent(rough: DecodePool) -> None:
    pid = int(rejection(rough.submit_bytes(b"pid", INPUT)).detail)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    assert rejection(rough.submit_bytes(b"pid", INPUT)).detail == str(pid)
    assert os.getpgid(pid) == pid and os.getsid(pid) == os.getsid(0)


def test_workers_work_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PICTURE)
    meeting = threading.Barrier(2)

    def wanted(_: ImageId) -> list[Rendition]:
        meeting.wait(PATIENCE_S)
        return [INPUT]

    pool = DecodePool(2, SETTINGS)
    try:
        for future in [pool.submit_file(os.fsencode(path), wanted) for _ in range(6)]:
            assert future.result(PATIENCE_S).pictures
    finally:
        pool.close()


def test_close_ends_everything_at_once_whatever_workers_do(tmp_path: Path) -> None:
    pool = DecodePool(2, WorkerSettings(LIMITS, timeout_s=3600.0, confined=False), hostile)
    pids = {int(rejection(future).detail) for future in [pool.submit_bytes(b"pid", INPUT) for _ in range(20)]}
    futures = [pool.submit_bytes(b"hold " + os.fsencode(tmp_path / str(n)), INPUT) for n in range(6)]
    eventually((tmp_path / "0.held").exists)
    pool.close()
    assert not wait(futures, PATIENCE_S).not_done
    assert all(future.cancelled() for future in futures)
    assert not any(running(pid) for pid in pids)
    assert pool.submit_bytes(PICTURE, INPUT).cancelled()


def test_workers_that_cannot_start_are_not_the_images_fault() -> None:
    def local(*_: object) -> object:
        raise NotImplementedError

    pool = DecodePool(1, SETTINGS, local)  # type: ignore[arg-type]
    try:
        error = pool.submit_bytes(PICTURE, INPUT).exception(PATIENCE_S)
        assert isinstance(error, SimdError) and not isinstance(error, ImageRejected)
    finally:
        pool.close()


PARENT = """
import sys
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from tests.featurize.drawings import INPUT, LIMITS
from tests.featurize.hostile import hostile
pool = DecodePool(1, WorkerSettings(LIMITS, timeout_s=3600.0), hostile)
print(pool.submit_bytes(b"pid", INPUT).exception().detail, flush=True)
pool.submit_bytes(b"spin", INPUT)
sys.stdin.read()
"""


def test_workers_die_with_a_parent_that_was_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)
        parent.kill()
    eventually(lambda: not running(pid))


def test_p15_time_without_the_cpu_does_not_count_until_it_is_very_long(tmp_path: Path) -> None:
    place = tmp_path / "held"
    pool = DecodePool(1, WorkerSettings(LIMITS, timeout_s=1.0, confined=False), hostile)
    try:
        held = pool.submit_bytes(b"hold " + os.fsencode(place), INPUT)
        eventually(place.with_suffix(".held").exists)
        since = time.monotonic()
        eventually(lambda: time.monotonic() > since + 1.5)
        place.with_suffix(".free").mkdir()
        assert rejection(held).detail == "let go"
    finally:
        pool.close()
    pool = DecodePool(1, WorkerSettings(LIMITS, wall_s=1.0), hostile)
    try:
        error = rejection(pool.submit_bytes(b"hang", INPUT))
        assert error.reason is Reason.TIMEOUT and "decode_timeout_s" in error.detail
    finally:
        pool.close()


def test_each_picture_has_the_cpu_for_as_long_as_any_other(rough: DecodePool) -> None:
    for _ in range(3):
        assert rejection(rough.submit_bytes(b"work 0.5", INPUT)).detail == "done"
