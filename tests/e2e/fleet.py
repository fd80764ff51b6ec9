"""Daemons of several hosts that publish in one collection of a Milvus server."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from simctl.client import Client
from simctl.errors import DaemonUnreachable
from simctl.replica.replicated import ReplicaStatus

from simd.errors import ReplicaUnavailable
from simd.index.engine.address import parse_replica
from simd.index.milvus import MilvusReplica
from simd.index.replica import Entity, version_of
from simd.types import ImageFacts, ImageId
from tests.e2e.daemon import Daemon

SETTLES_S = 120.0


def picture(path: Path, seed: int) -> Path:
    """A small picture that looks like no other."""
    colours = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    Image.fromarray(colours).resize((96, 96), Image.Resampling.BICUBIC).save(path, "PNG")
    return path


def id_of(path: Path) -> str:
    """The image that a file holds, 32 hex digits."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


class Host:
    """A daemon with a root of its own.

    Args:
        name: the host's.
        url: of the collection.
        settings: more of the daemon's, by their names in the environment.
    """

    def __init__(self, name: str, url: str, settings: dict[str, str]) -> None:
        self.name = name
        self.daemon = Daemon()
        self.daemon.settings |= {
            "SIMD_VERIFY": "off",
            "SIMD_THREADS": "1",
            "SIMD_REPLICA": url,
            "SIMD_REPLICA_HOST": name,
            "SIMD_SEARCH": "replica",
            **settings,
        }
        self.root = self.daemon.root
        self.client = Client(self.daemon.address, timeout=30.0)

    def is_ready(self) -> bool:
        """Whether its daemon answers searches."""
        try:
            return self.client.status().ready
        except DaemonUnreachable:
            return False

    def replica(self) -> ReplicaStatus:
        """How the replica stands to what is indexed here."""
        return self.client.replica()

    def files(self) -> dict[str, list[Path]]:
        """What is in the root now: files by what they hold, sorted."""
        found = defaultdict(list)
        for path in sorted(self.root.iterdir()):
            found[id_of(path)].append(path)
        return dict(found)

    def expected(self) -> dict[ImageId, bytes]:
        """Of each image of a file that is there now, the version of what is to be published."""
        vectors = {image.image_id: image.vector for image in self.client.export().images}
        facts = {
            file.image_id: ImageFacts(file.width, file.height, file.format, file.animated)
            for file in self.client.files()
        }
        versions = {}
        for image_id, paths in self.files().items():
            # One that is not indexed yet is not as it should be, whatever is published of it.
            version = b""
            if image_id in vectors and image_id in facts:
                vector = np.array(vectors[image_id], np.float32)
                of = ImageId(bytes.fromhex(image_id))
                files = tuple(bytes(path) for path in paths)
                version = version_of(Entity(self.name, of, vector, bytes(self.root), files, facts[image_id]))
            versions[ImageId(bytes.fromhex(image_id))] = version
        return versions

    def close(self) -> None:
        """End it and remove everything."""
        self.client.close()
        self.daemon.close()


class Fleet:
    """Hosts by their names, and the collection as somebody sees it who is none of them.

    Args:
        url: of a collection that nobody else has.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._hosts: dict[str, Host] = {}
        self._seen: MilvusReplica | None = None

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts.values())

    def add(self, name: str, **settings: str) -> Host:
        """Another host, whose daemon is not started."""
        host = self._hosts[name] = Host(name, self.url, settings)
        return host

    def start(self, *names: str) -> None:
        """Start all daemons, or some, and return once they answer."""
        hosts = [self[name] for name in names] or list(self)
        for host in hosts:
            host.daemon.launch()
        for host in hosts:
            host.daemon.until(host.is_ready, "a daemon to answer")

    def seen_by(self, fingerprint: str, dimension: int) -> MilvusReplica:
        """The collection for who has another model."""
        address = parse_replica(self.url)
        return MilvusReplica(address.uri, address.collection, dimension=dimension, fingerprint=fingerprint)

    @property
    def collection(self) -> MilvusReplica:
        """The collection, whatever the daemons say of it."""
        if self._seen is None:
            export = next(iter(self)).client.export()
            self._seen = self.seen_by(export.fingerprint, export.dimension)
        return self._seen

    def differences(self) -> list[str]:
        """Where the collection is not the union of what the hosts have on their disks, entity by entity."""
        try:
            return list(self._compared())
        except ReplicaUnavailable as error:
            return [str(error)]

    def settle(self) -> None:
        """Wait until the collection is the union of what the hosts have, and all say so."""
        deadline = time.monotonic() + SETTLES_S
        while differences := self.differences():
            assert time.monotonic() < deadline, f"{self._told()}\n{differences}"
            time.sleep(0.1)
        self.until(lambda: all(self._is_told(host) for host in self), "all hosts to say that they are current")
        # What a version stands for is there as well.
        for host in self:
            vectors = {image.image_id: image.vector for image in host.client.export().images}
            for image_id, paths in list(host.files().items())[:3]:
                of = ImageId(bytes.fromhex(image_id))
                vector = self.collection.vector(of)
                assert vector is not None and np.array_equal(vector, np.array(vectors[image_id], np.float32))
                [origin] = [origin for origin in self.collection.origins(of) if origin.host == host.name]
                assert origin.paths == tuple(bytes(path) for path in paths)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + SETTLES_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self._told()}"
            time.sleep(0.05)

    def close(self) -> None:
        """End all and remove everything."""
        if self._seen is not None:
            self._seen.close()
        for host in self:
            host.close()

    def _compared(self) -> Iterator[str]:
        images = 0
        for host in self:
            expected, published = host.expected(), dict(self.collection.versions(host.name))
            images += len(expected)
            for image_id in expected.keys() | published.keys():
                ours, theirs = expected.get(image_id), published.get(image_id)
                if ours != theirs:
                    what = "missing" if theirs is None else "not there" if ours is None else "other"
                    yield f"{host.name} {image_id.hex()} {what}"
        if (count := self.collection.count()) != images:
            yield f"{count} entities instead of {images}"

    def _is_told(self, host: Host) -> bool:
        told = host.replica()
        return (told.state, told.outbox, told.images) == ("current", 0, len(host.files()))

    def _told(self) -> str:
        return "\n".join(
            f"{host.name}: {host.replica()}\n{host.daemon.log.read_text()[-3000:]}"
            for host in self
            if host.daemon.process is not None
        )
