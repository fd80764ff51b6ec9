"""Pictures of other hosts: daemons on sockets that ask each other, and peers that do not do what they should."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, ImageUnreadable, PeerUnavailable, ReplicaUnavailable
from simd.featurize.decode.renditions import Thumbnail
from simd.index.replica import Entity
from simd.serving.images.elsewhere import Elsewhere
from simd.serving.images.hosts import Hosts
from simd.serving.images.peers import Peers
from simd.serving.transport.address import Address, parse
from simd.serving.transport.auth import TokenFiles
from simd.serving.transport.tls import Tls, TlsFiles
from simd.types import ImageFacts, ImageId, Origin, image_id_of
from simd.v1 import image_service_pb2 as wire
from simd.v1 import image_service_pb2_grpc
from tests.certificates import Authority
from tests.leftovers import nothing_kept
from tests.replicas import Collection, MemoryReplica
from tests.serving.doubles import DIMENSION, Bench, serving, short_directory, vector_of
from tests.serving.test_images import failure, reason_of, stub_of, thumbnail, whole
from tests.serving.waiting import until

RED = b"picture 200 10 10"
LARGE = RED + b" " + bytes(3 << 20)
RED_ID, LARGE_ID = image_id_of(RED), image_id_of(LARGE)
PORTION = 256 << 10


def socket_of(bench: Bench) -> Address:
    return parse(bench.listen, unmet="")


@contextmanager
def knowing(collection: Collection, peers: Peers, host: str) -> Iterator[Elsewhere]:
    """What a host does for images that it does not have."""
    try:
        yield Elsewhere(Hosts(MemoryReplica(collection).origins), peers.by_host, host)
    finally:
        peers.close()


class Cluster:
    """Hosts whose daemons publish in one collection. To be closed."""

    def __init__(self) -> None:
        self.collection = Collection(DIMENSION)
        self._stack = ExitStack()

    def host(self, name: str = "", peers: dict[str, Address] | None = None, **arguments: Any) -> Bench:
        """A daemon that serves, and asks its peers."""
        bench = self._stack.enter_context(serving(ready=False, **arguments))
        made = Peers(peers or {})
        bench.elsewhere = self._stack.enter_context(knowing(self.collection, made, name))
        bench.server.open(bench.services)
        return bench

    def stub(self, bench: Bench) -> Any:
        return self._stack.enter_context(stub_of(bench))

    def publish(self, host: str, *images: ImageId) -> None:
        """What the collection says that a host has."""
        entities = [Entity(host, one, vector_of(1, 2, 3), b"/r", (b"/r/a",), None) for one in images]
        MemoryReplica(self.collection).put(entities)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


def test_pictures_of_another_host_are_passed_on(cluster: Cluster) -> None:
    there = cluster.host("there")
    there.put("red.jpg", RED)
    there.put(b"folder/caf\xe9.png", LARGE, ImageFacts(1, 1, "PNG"))
    cluster.publish("there", RED_ID, LARGE_ID)
    here = cluster.stub(cluster.host("here", {"there": socket_of(there)}))
    answer = thumbnail(here, RED_ID, edge=16, format="webp")
    assert (answer.data, answer.content_type) == (RED[:16], "image/webp")
    first, *others = whole(here, LARGE_ID)
    assert (first.size, first.content_type, first.name) == (len(LARGE), "image/png", "caf\ufffd.png")
    assert b"".join(one.data for one in others) == LARGE
    _, *part = whole(here, LARGE_ID, offset=8, length=1 << 20)
    assert b"".join(one.data for one in part) == LARGE[8 : 8 + (1 << 20)]
    beyond = failure(lambda: whole(here, LARGE_ID, offset=len(LARGE) + 1))
    assert beyond.code() is grpc.StatusCode.OUT_OF_RANGE


def test_what_is_here_is_given_without_asking_anybody(cluster: Cluster) -> None:
    here = cluster.host("here")
    here.put("red.jpg", RED)
    cluster.collection.down = "nobody answers"
    assert thumbnail(cluster.stub(here), RED_ID).data == RED


def test_a_request_that_was_passed_on_is_not_passed_on_again(cluster: Cluster) -> None:
    with short_directory() as directory:
        addresses = {name: parse(f"unix:{directory}/{name}", unmet="") for name in ("a", "b")}
        hosts = {name: cluster.host(name, addresses, listen=str(addresses[name])) for name in addresses}
        for name in addresses:
            cluster.publish(name, RED_ID)
        stub = cluster.stub(hosts["a"])
        assert failure(lambda: thumbnail(stub, RED_ID)).code() is grpc.StatusCode.NOT_FOUND
        assert [host.calls("ImageService/GetThumbnail", "NOT_FOUND") for host in hosts.values()] == [1, 1]


def test_an_image_of_a_host_that_is_no_peer_is_said_to_be_there(cluster: Cluster) -> None:
    cluster.publish("there", RED_ID)
    here = cluster.stub(cluster.host("here"))
    for ask in (thumbnail, whole):
        error = failure(lambda ask=ask: ask(here, RED_ID))
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "IMAGE_ELSEWHERE")
        assert f"{RED_ID.hex()} is on there" in error.details() and "there=HOST:PORT to `peers`" in error.details()


def test_a_peer_that_is_down_is_named_and_may_be_asked_again(cluster: Cluster) -> None:
    cluster.publish("there", RED_ID)
    here = cluster.stub(cluster.host("here", {"there": parse("unix:/nowhere/s", unmet="")}))
    for ask in (thumbnail, whole):
        error = failure(lambda ask=ask: ask(here, RED_ID))
        assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAVAILABLE, "PEER_UNAVAILABLE")
        assert "the daemon of there cannot be asked" in error.details()


def test_hosts_are_asked_until_one_has_it(cluster: Cluster) -> None:
    lost, has = cluster.host("1-lost"), cluster.host("2-has")
    has.put("red.jpg", RED)
    for name in ("0-down", "1-lost", "2-has", "3-stranger"):
        cluster.publish(name, RED_ID)
    down = parse("unix:/nowhere/s", unmet="")
    peers = {"0-down": down, "1-lost": socket_of(lost), "2-has": socket_of(has)}
    here = cluster.stub(cluster.host("here", peers))
    assert thumbnail(here, RED_ID).data == RED
    assert lost.calls("ImageService/GetThumbnail", "NOT_FOUND") == 1


def test_an_image_that_no_host_has_any_more_is_not_found(cluster: Cluster) -> None:
    there = cluster.host("there")
    here = cluster.stub(cluster.host("here", {"there": socket_of(there)}))
    for image_id in (RED_ID, LARGE_ID):
        error = failure(lambda image_id=image_id: thumbnail(here, image_id))
        assert error.code() is grpc.StatusCode.NOT_FOUND and "here or on another host" in error.details()
        cluster.publish("there", LARGE_ID)


def test_while_the_replica_is_away_nobody_can_tell(cluster: Cluster) -> None:
    cluster.collection.down = "memory:19530 does not answer"
    error = failure(lambda: thumbnail(cluster.stub(cluster.host("here")), RED_ID))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAVAILABLE, "REPLICA_UNAVAILABLE")
    assert "memory:19530 does not answer" in error.details()


def test_a_replica_is_asked_seldom() -> None:
    now, asked, answers = [0.0], [], [ReplicaUnavailable("away")]

    def origins(image_id: ImageId) -> list[Origin]:
        asked.append(image_id)
        if answers:
            raise answers.pop()
        return [Origin("there", (b"/a",), 1, None)] if image_id == RED_ID else []

    hosts = Hosts(origins, lambda: now[0])
    for image_id in (RED_ID, LARGE_ID):
        with pytest.raises(ReplicaUnavailable, match=f"{image_id.hex()}.*away"):
            hosts.of(image_id)
    assert len(asked) == 1, "it was away just now"
    now[0] = 6.0
    assert [hosts.of(one) for one in (RED_ID, RED_ID, LARGE_ID, LARGE_ID)] == [("there",), ("there",), (), ()]
    assert len(asked) == 3
    now[0] = 30.0
    assert (hosts.of(RED_ID), hosts.of(LARGE_ID), len(asked)) == (("there",), (), 4)
    now[0] = 70.0
    assert (hosts.of(RED_ID), len(asked)) == (("there",), 5)
    hosts.forget(RED_ID)
    assert (hosts.of(RED_ID), len(asked)) == ((), 5)


@dataclass
class FakePeer(image_service_pb2_grpc.ImageServiceServicer):
    """Answers what it was told to.

    Attributes:
        thumbnail: what a thumbnail is answered with.
        messages: what an original is answered with.
        hold: what answers wait for.
        asked: requests.
        sent: messages that were taken over by gRPC.
        left: set when the caller of an original has left.
    """

    thumbnail: wire.GetThumbnailResponse = field(default_factory=wire.GetThumbnailResponse)
    messages: Callable[[], Iterator[wire.ImageServiceGetImageResponse]] = lambda: iter(())
    hold: threading.Event | None = None
    asked: int = 0
    sent: int = 0
    left: threading.Event = field(default_factory=threading.Event)

    def GetThumbnail(
        self, request: wire.GetThumbnailRequest, context: grpc.ServicerContext
    ) -> wire.GetThumbnailResponse:
        self.asked += 1
        if self.hold is not None:
            assert self.hold.wait(30), "nobody let it go on"
        return self.thumbnail

    def GetImage(
        self, request: wire.ImageServiceGetImageRequest, context: grpc.ServicerContext
    ) -> Iterator[wire.ImageServiceGetImageResponse]:
        self.asked += 1
        context.add_callback(self.left.set)
        for message in self.messages():
            yield message
            self.sent += 1


@contextmanager
def answering(fake: FakePeer, *, within_s: float = 15.0) -> Iterator[Peers]:
    """A connection to a peer, "there"."""
    with short_directory() as directory, ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        image_service_pb2_grpc.add_ImageServiceServicer_to_server(fake, server)  # type: ignore[no-untyped-call]
        server.add_insecure_port(f"unix:{directory}/s")
        server.start()
        peers = Peers({"there": parse(f"unix:{directory}/s", unmet="")}, within_s=within_s)
        try:
            yield peers
        finally:
            peers.close()
            if fake.hold is not None:
                fake.hold.set()
            server.stop(None).wait()


def header(size: int) -> wire.ImageServiceGetImageResponse:
    return wire.ImageServiceGetImageResponse(size=size, content_type="image/svg+xml", name="../../a.jpg")


def sending(data: bytes, size: int) -> Callable[[], Iterator[wire.ImageServiceGetImageResponse]]:
    def messages() -> Iterator[wire.ImageServiceGetImageResponse]:
        yield header(size)
        for at in range(0, len(data), PORTION):
            yield wire.ImageServiceGetImageResponse(data=data[at : at + PORTION])

    return messages


@pytest.mark.parametrize(
    ("sent", "size", "why"),
    [
        (LARGE[:-1] + b"!", len(LARGE), "not this image"),
        (LARGE[:-1], len(LARGE), "fewer bytes"),
        (LARGE + b"!", len(LARGE), "more bytes"),
        (LARGE[:-1], len(LARGE) - 1, "not this image"),
        (b"", 0, "not this image"),
    ],
)
def test_an_original_that_is_not_the_image_is_never_complete(sent: bytes, size: int, why: str) -> None:
    fake, taken = FakePeer(messages=sending(sent, size)), b""
    with (
        answering(fake) as peers,
        pytest.raises(ImageUnreadable, match=f"daemon of there.*{why}"),
        peers.by_host["there"].open(LARGE_ID) as original,
    ):
        for portion in original.portions:
            taken += portion
    assert len(taken) < max(size, 1) and LARGE.startswith(taken)


def test_what_a_peer_says_of_a_file_is_not_believed() -> None:
    fake = FakePeer(messages=sending(LARGE, len(LARGE)))
    with answering(fake) as peers, peers.by_host["there"].open(LARGE_ID) as original:
        assert (original.content_type, original.name) == ("application/octet-stream", b"a.jpg")
        assert b"".join(original.portions) == LARGE


@pytest.mark.parametrize("content_type", ["image/webp", "text/html", ""])
def test_what_is_no_thumbnail_is_not_passed_on(content_type: str) -> None:
    fake = FakePeer(wire.GetThumbnailResponse(data=b"<html>", content_type=content_type))
    with answering(fake) as peers, pytest.raises(ImageUnreadable, match="no such thumbnail"):
        peers.by_host["there"].get(RED_ID, Thumbnail(16, format="jpeg"))


def test_a_peer_that_does_not_answer_is_left_alone_for_a_while() -> None:
    fake = FakePeer(hold=threading.Event())
    with answering(fake, within_s=0.3) as peers:
        for _ in range(3):
            with pytest.raises(PeerUnavailable, match="daemon of there"):
                peers.by_host["there"].get(RED_ID, Thumbnail(16, format="jpeg"))
        assert fake.asked == 1


def test_a_caller_who_leaves_ends_what_was_asked_for() -> None:
    fake, left = FakePeer(hold=threading.Event()), Cancelled()
    with answering(fake) as peers, ThreadPoolExecutor(1) as caller:
        asked = caller.submit(peers.by_host["there"].get, RED_ID, Thumbnail(16, format="jpeg"), left)
        until(lambda: fake.asked == 1, "the peer to be asked")
        left.set()
        assert isinstance(asked.exception(10), Abandoned)


def endless() -> Iterator[wire.ImageServiceGetImageResponse]:
    yield header(1 << 50)
    while True:
        yield wire.ImageServiceGetImageResponse(data=bytes(PORTION))


def test_no_more_is_asked_of_a_peer_than_the_caller_takes_and_nothing_once_the_caller_left(cluster: Cluster) -> None:
    fake = FakePeer(messages=endless)
    with answering(fake) as peers:
        cluster.publish("there", LARGE_ID)
        here = cluster.host("here")
        here.elsewhere = Elsewhere(Hosts(MemoryReplica(cluster.collection).origins), peers.by_host)
        here.server.open(here.services)
        call = cluster.stub(here).GetImage(wire.ImageServiceGetImageRequest(image_id=LARGE_ID.hex()), timeout=30)
        assert next(call).size == 1 << 50
        assert sum(len(next(call).data) for _ in range(20)) == 20 * PORTION
        call.cancel()
        assert fake.left.wait(10)
        assert 20 <= fake.sent < 2000
        until(lambda: here.calls("ImageService/GetImage", "CANCELLED") == 1, "the call to end")


def test_what_was_passed_on_leaves_nothing() -> None:
    data = bytes(1 << 20)
    good = FakePeer(
        wire.GetThumbnailResponse(data=data, content_type="image/jpeg"), sending(data + b"!", len(data) + 1)
    )
    asked = Thumbnail(16, format="jpeg")

    def ask(elsewhere: Elsewhere) -> None:
        assert elsewhere.get(RED_ID, asked) == data
        with pytest.raises(ImageUnreadable):
            elsewhere.get(RED_ID, Thumbnail(16, format="webp"))
        with pytest.raises(ImageUnreadable), elsewhere.open(RED_ID) as original:
            for _ in original.portions:
                pass
        with elsewhere.open(RED_ID) as original:
            next(original.portions)

    with answering(good) as peers:
        elsewhere = Elsewhere(Hosts(lambda _: [Origin("there", (b"/a",), 1, None)]), peers.by_host)
        ask(elsewhere)
        with nothing_kept(1 << 20):
            for _ in range(8):
                ask(elsewhere)


def test_peers_beyond_this_machine_are_spoken_to_encrypted_and_with_a_token(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    server = authority.issue("127.0.0.1")
    tokens = {name: tmp_path / name for name in ("known", "sent")}
    for name, file in tokens.items():
        file.touch(0o600)
        file.write_text(name.ljust(32, "x") + "\n")
    tls = Tls(TlsFiles(server.cert, server.key))
    asked = Thumbnail(16, format="jpeg")
    with serving(listen="127.0.0.1:0", tls=tls, tokens=TokenFiles(None, tokens["known"])) as there:
        there.put("red.jpg", RED)
        peers = Peers({"there": socket_of(there)}, ca=authority.file, token_file=tokens["sent"])
        try:
            with pytest.raises(PeerUnavailable, match="peer_token_file") as refused:
                peers.by_host["there"].get(RED_ID, asked)
            assert "sent".ljust(32, "x") not in str(refused.value)
            tokens["sent"].write_text(tokens["known"].read_text())
            assert peers.by_host["there"].get(RED_ID, asked) == RED[:16]
        finally:
            peers.close()
