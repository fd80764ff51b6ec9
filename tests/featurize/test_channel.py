"""Whatever arrives on a channel is a message or an error that is expected."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.errors import FileChanged, ImageRejected
from simd.featurize.decode.renditions import Digest, Features, Grey, Region, Rendition, Stretched, Thumbnail, max_bytes
from simd.featurize.workers import answers
from simd.featurize.workers.answers import Decoded, Needs
from simd.featurize.workers.channel import Channel, ChannelClosed, ChannelGarbled, Message
from simd.types import Stamp

WANTED = [Stretched((2, 3)), Stretched((1, 1))]
SHAPES = [[2, 3, 3], [1, 1, 3]]
BODY = bytes(range(21))


def received(data: bytes, max_body: int = 1 << 16) -> Message:
    """What comes out at the other end when these bytes were sent and the sender is gone."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def send() -> None:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            return Channel(ours).receive(5.0, max_body)
        finally:
            sender.join()


def frame(header: bytes, body: bytes = b"") -> bytes:
    header += b" " * (-(12 + len(header)) % 128)
    return struct.pack("<IQ", len(header), len(body)) + header + body


def test_a_message_arrives_as_it_was_sent() -> None:
    message = received(frame(b'{"a": [1, "x"]}', b"body"))
    assert message.header == {"a": [1, "x"]} and message.body == b"body"


@pytest.mark.parametrize("length", [0, 1, 100, 116, 117, 60_000])
def test_a_header_of_any_length_arrives_and_so_does_what_follows(length: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Channel(theirs).send({"text": "x" * length}, b"body")
        Channel(theirs).send({}, b"more")
        channel = Channel(ours)
        assert channel.receive(5.0) == Message({"text": "x" * length}, b"body")
        assert channel.receive(5.0) == Message({}, b"more")


def test_a_body_larger_than_what_the_kernel_takes_at_once_arrives_whole() -> None:
    ours, theirs = socket.socketpair()
    body = bytes(range(256)) * (32 << 10)
    with ours, theirs:
        sender = threading.Thread(target=Channel(theirs).send, args=({"a": 1}, body, 30.0))
        sender.start()
        assert Channel(ours).receive(30.0) == Message({"a": 1}, body)
        sender.join()


class InPieces(socket.socket):
    """Takes a little at once, as any socket may when a signal comes."""

    def sendmsg(self, buffers: Iterable[Any], *more: Any) -> int:
        return super().send(b"".join(buffers)[:1000])


def test_a_message_that_is_taken_in_pieces_arrives_whole() -> None:
    ours, theirs = socket.socketpair()
    body = bytes(range(256)) * 40
    with ours, InPieces(fileno=theirs.detach()) as pieces:
        Channel(pieces).send({"a": 1}, body, 30.0)
        assert Channel(ours).receive(30.0) == Message({"a": 1}, body)


@pytest.mark.parametrize("length", [1 << 20, 8 << 20])
def test_a_message_that_nobody_takes_in_time_is_a_timeout(length: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        Channel(theirs).send({}, bytes(length), 0.05)


def test_a_message_to_an_end_that_is_gone_is_told() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        with pytest.raises(ChannelClosed):
            Channel(theirs).send({}, b"body", 5.0)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_garbled_bytes_are_told_from_messages(data: bytes) -> None:
    with pytest.raises((ChannelClosed, ChannelGarbled)):
        received(data)


@settings(max_examples=200, deadline=None)
@given(header=st.binary(max_size=60), body=st.binary(max_size=60), cut=st.integers(0, 20))
def test_a_frame_of_any_content_is_a_message_or_garbled(header: bytes, body: bytes, cut: int) -> None:
    data = frame(header, body)
    try:
        message = received(data[: len(data) - cut])
    except (ChannelClosed, ChannelGarbled):
        return
    assert isinstance(message.header, dict) and message.body == body and cut == 0


@pytest.mark.parametrize(
    "header", [b"[" * 60_000, b'{"a":' * 10_000, b"1", b'"text"', b"\xff\xfe", b"9" * 60_000, b"{}" + b" " * 70_000]
)
def test_a_header_that_is_no_object_is_garbled_however_deep_or_long(header: bytes) -> None:
    with pytest.raises(ChannelGarbled):
        received(frame(header))


def test_a_body_larger_than_agreed_is_refused_before_it_is_read() -> None:
    with pytest.raises(ChannelGarbled):
        received(struct.pack("<IQ", 116, 1 << 60) + b"{}" + b" " * 114, 100)


def test_a_message_that_does_not_come_in_time_is_a_timeout() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("<IQ", 116, 0) + b"{")
        with pytest.raises(TimeoutError):
            Channel(ours).receive(0.05)


def test_a_shorter_time_limit_than_the_one_before_holds() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frame(b"{}"))
        channel = Channel(ours)
        assert channel.receive(3600.0).header == {}
        with pytest.raises(TimeoutError):
            channel.receive(0.05)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(
    header=st.dictionaries(
        st.sampled_from(["image_id", "stamp", "facts", "rejected", "gone", "changed", "needs", "shapes"]),
        JSON | st.just(SHAPES),
        max_size=4,
    ),
    body=st.binary(max_size=30) | st.just(bytes(BODY)),
)
def test_an_answer_of_any_content_is_used_or_refused(header: dict[str, Any], body: bytes) -> None:
    message = Message(json.loads(json.dumps(header)), body)
    for parse in (answers.identity, lambda m: answers.decoded(m, WANTED)):
        try:
            parse(message)
        except (ImageRejected, FileNotFoundError, FileChanged, *answers.NONSENSE):
            pass


def test_pictures_come_in_the_order_in_which_they_are_wanted() -> None:
    found = answers.decoded(Message({"facts": [10, 20, "PNG"], "shapes": SHAPES}, BODY), WANTED)
    assert isinstance(found, Decoded)
    assert found.pictures[WANTED[0]].ravel().tolist() == list(range(18))
    assert found.pictures[WANTED[1]].ravel().tolist() == [18, 19, 20]
    assert answers.decoded(Message({"needs": 77}, b""), WANTED) == Needs(77)


@pytest.mark.parametrize(
    "facts", [[0, 1, "PNG"], [1 << 40, 1, "PNG"], [1, -3, "PNG"], [float("inf"), 1, "PNG"], [1, 1], "abcd"]
)
def test_facts_that_cannot_be_are_refused(facts: Any) -> None:
    with pytest.raises(answers.NONSENSE):
        answers.decoded(Message({"facts": facts, "shapes": SHAPES}, BODY), WANTED)


JPEG = b"\xff\xd8\xff\xe0 and so on"
WEBP = b"RIFF\x99\x00\x00\x00WEBP and so on"
THUMBNAIL = Thumbnail(16)


@pytest.mark.parametrize(
    ("wanted", "shapes", "body"),
    [
        ([Grey(16)], [[16, 9]], bytes(16 * 9)),
        ([THUMBNAIL], [[len(JPEG)]], JPEG),
        ([Thumbnail(16, 1, "webp")], [[len(WEBP)]], WEBP),
        ([Features()], [[0]], b""),
        ([Digest()], [[16]], bytes(range(16))),
        ([Digest(), Grey(16)], [[16], [2, 3]], bytes(range(22))),
        ([Features(), Region((0.0, 0.0, 0.5, 0.5), (1, 1))], [[2], [1, 1, 3]], b"slrgb"),
        ([Region((0.0, 0.0, 0.5, 0.5), (1, 2)), THUMBNAIL], [[1, 2, 3], [len(JPEG)]], bytes(6) + JPEG),
    ],
)
def test_an_answer_of_the_shape_that_was_asked_for_is_taken(
    wanted: list[Rendition], shapes: list[list[int]], body: bytes
) -> None:
    found = answers.decoded(Message({"facts": [10, 20, "PNG"], "shapes": shapes}, body), wanted)
    assert isinstance(found, Decoded)
    for rendition, shape in zip(wanted, shapes, strict=True):
        if isinstance(rendition, Thumbnail):
            assert found.thumbnails[rendition] == body[-shape[0] :]
        elif isinstance(rendition, Features):
            assert found.features == body[: shape[0]]
        elif isinstance(rendition, Digest):
            assert found.digest == body[: shape[0]]
        else:
            assert list(found.pictures[rendition].shape) == shape


@pytest.mark.parametrize(
    ("wanted", "shapes", "body"),
    [
        ([Features()], [[20_001]], bytes(20_001)),
        ([Features()], [[3]], b"sl"),
        ([Digest()], [[15]], bytes(15)),
        ([Digest()], [[17]], bytes(17)),
        ([Digest()], [[0]], b""),
        ([Digest()], [[16]], bytes(15)),
        ([Stretched((2, 3))], [[3, 2, 3]], bytes(18)),
        ([Stretched((2, 3))], [[2, 3]], bytes(6)),
        ([Stretched((2, 3))], [[2, 3, 3]], bytes(19)),
        ([Stretched((2, 3))], [[2, 3, 3]], bytes(17)),
        ([Stretched((2, 3))], [], b""),
        ([Stretched((2, 3))], [[2, 3, 3], [2, 3, 3]], bytes(36)),
        ([Grey(16)], [[17, 1]], bytes(17)),
        ([Grey(16)], [[16, 0]], b""),
        ([Grey(16)], [[-4, -4]], bytes(16)),
        ([Grey(16)], [[4, 4, 1]], bytes(16)),
        ([THUMBNAIL], [[0]], b""),
        ([THUMBNAIL], [[9]], b"<script>x"),
        ([THUMBNAIL], [[len(WEBP)]], WEBP),
        ([THUMBNAIL], [[-1]], JPEG),
        ([THUMBNAIL], [[max_bytes(THUMBNAIL) + 1]], JPEG.ljust(max_bytes(THUMBNAIL) + 1)),
        ([THUMBNAIL, THUMBNAIL], [[len(JPEG)], [1 << 60]], JPEG),
        ([THUMBNAIL], None, JPEG),
        ([THUMBNAIL], [None], JPEG),
        ([THUMBNAIL], [["x"]], JPEG),
        ([THUMBNAIL], [[float("inf")]], JPEG),
    ],
)
def test_an_answer_of_another_shape_is_refused(wanted: list[Rendition], shapes: Any, body: bytes) -> None:
    with pytest.raises(answers.NONSENSE):
        answers.decoded(Message({"facts": [10, 20, "PNG"], "shapes": shapes}, body), wanted)


def test_a_stamp_may_have_every_inode_that_there_is() -> None:
    stamp = [1, -2, (1 << 64) - 1, 3]
    found = answers.identity(Message({"image_id": "00" * 16, "stamp": stamp}, b""))
    assert found.stamp == Stamp(1, -2, (1 << 64) - 1, 3)


@pytest.mark.parametrize(
    "stamp",
    [
        [1 << 63, 0, 0, 0], [0, 0, -1, 0], [0, 0, 1 << 64, 0], [0, float("nan"), 0, 0], [0, 0, 0, 1 << 63],
        ["x", 0, 0, 0], [0, 0, 0],
    ],
)  # fmt: skip
def test_a_stamp_that_the_catalogue_cannot_hold_is_refused(stamp: Any) -> None:
    with pytest.raises(answers.NONSENSE):
        answers.identity(Message({"image_id": "00" * 16, "stamp": stamp}, b""))


def test_an_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong length"):
        answers.identity(Message({"image_id": "00", "stamp": [1, 2, 3, 4]}, b""))


def test_a_reason_in_words_that_cannot_be_stored_is_made_storable() -> None:
    message = Message({"rejected": ["corrupt", "quoted \ud800 " + "x" * 100_000]}, b"")
    with pytest.raises(ImageRejected) as caught:
        answers.identity(message)
    assert caught.value.detail.startswith("quoted ? x") and len(caught.value.detail.encode()) <= 2000
