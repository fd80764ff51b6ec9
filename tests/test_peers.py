"""Peers as they are configured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simd.app.peers import PeersInUse
from simd.config import Settings
from simd.errors import ConfigError
from simd.featurize.decode.renditions import Thumbnail
from simd.index.replica import Entity
from simd.types import image_id_of
from tests.replicas import Collection, MemoryReplica
from tests.serving.doubles import DIMENSION, serving, vector_of

RED = b"picture 200 10 10"


def settings(tmp_path: Path, **values: Any) -> Settings:
    return Settings(tmp_path, "unix:/s", **values)


@pytest.mark.parametrize("text", ["there", "there=", "=host:1", "there=host", "there=host:0", "there=unix:"])
def test_a_peer_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="NAME=HOST:PORT or NAME=unix:PATH") as refused:
        PeersInUse(settings(tmp_path, peers=(text,)))
    assert refused.value.field == "peers"


def test_what_peers_need_is_asked_for_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there=far.example:1.*peer_ca"):
        PeersInUse(settings(tmp_path, peers=("there=far.example:1",)))
    with pytest.raises(ConfigError, match=r"cannot read .*ca.pem"):
        PeersInUse(settings(tmp_path, peers=("there=far.example:1",), peer_ca=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"cannot read .*token"):
        PeersInUse(settings(tmp_path, peers=("there=unix:/s",), peer_token_file=tmp_path / "token"))
    PeersInUse(settings(tmp_path, peers=("a=unix:/s", "b=localhost:1", "c=[::1]:2"))).close()


class Using:
    """A replica that is used under a host's name."""

    def __init__(self, host: str, replica: MemoryReplica | None) -> None:
        self.host = host
        self._replica = replica

    def replica_of(self, served: object) -> MemoryReplica | None:
        return self._replica


def test_without_a_replica_there_is_nothing_elsewhere(tmp_path: Path) -> None:
    replica = MemoryReplica(Collection(DIMENSION))
    replica.put([Entity("there", image_id_of(RED), vector_of(1, 2, 3), b"/r", (b"/r/a",), None)])
    with serving() as there:
        there.put("red.jpg", RED)
        in_use = PeersInUse(settings(tmp_path, peers=(f"there={there.listen}",)))
        try:
            assert in_use.elsewhere(Using("", None), there.serving) is None
            elsewhere = in_use.elsewhere(Using("here", replica), there.serving)
            assert elsewhere is not None
            assert elsewhere.get(image_id_of(RED), Thumbnail(16, format="jpeg")) == RED[:16]
        finally:
            in_use.close()
