"""How an entity is kept in the replica's collection: its row, and the filters that find it.

Nothing here knows the engine's client. The fields of a row:

* `pk`: HOST/IMAGE_ID, the primary key, so that hosts never overwrite each other.
* `host`, `image_id`, `version`: as text; the last two in hex.
* `root`, `path`: the root and the first path for people who look into the collection; U+FFFD for what is not UTF-8.
* `folders`: hashes of every file and of every folder above it, which filters by path compare. A hash is right for any
  bytes, where patterns and ranges of text would need escapes that differ between versions of the engine.
* `payload`: JSON of what a hit tells: exact paths, how many there are, and the facts.
* `vector`: float32, every value exact in float16.

Who publishes as a host is a row as well (`owner_row`), as the engine may forget a collection's properties when it is
started again: what was changed of them is not on disk in 2.3.5. Such a row has no host and no image, so that filters
pass it over, and a vector that is farther from every query than any other, so that searches find it last.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from simd.errors import InvalidRequest
from simd.index.filter import Filter
from simd.index.replica import Entity, version_of
from simd.types import ImageFacts, ImageId, Origin
from simd.vectors.ids import Ids, unpack_ids
from simd.vectors.metric import half

PAYLOAD_BYTES = 65_000
"""A payload's greatest size; the engine takes 65,535 bytes of text in a field."""

FOLDERS = 4096
"""The most hashes of a row; the engine takes as many elements of an array."""

EVERY_ENTITY = 'host != ""'
"""The expression for whatever is an image's."""

FILTER_IDS = 10_000
"""The most ids that a filter may name: a megabyte of text that the engine parses for every question."""

_FAR = 1000.0
"""Images are on the unit sphere."""

Row = dict[str, Any]
"""The fields of an entity by name."""


def key_of(host: str, image_id: ImageId) -> str:
    """The primary key of an image of a host."""
    return f"{host}/{image_id.hex()}"


def row_of(entity: Entity) -> Row:
    """What is kept of an entity."""
    return {
        "pk": key_of(entity.host, entity.image_id),
        "host": entity.host,
        "image_id": entity.image_id.hex(),
        "version": version_of(entity).hex(),
        "root": _for_people(entity.root),
        "path": _for_people(entity.paths[0]),
        "folders": folders_of(entity.paths),
        "payload": payload_of(entity),
        "vector": half(entity.vector),
    }


def owner_key(host: str) -> str:
    """The primary key of who publishes as a host."""
    return f"{host}/owner"


def owner_row(host: str, owner: str, dimension: int) -> Row:
    """Who publishes as a host, in `version`."""
    vector = np.zeros(dimension, np.float32)
    vector[0] = _FAR
    return {
        "pk": owner_key(host),
        "host": "",
        "image_id": "",
        "version": owner,
        "root": "",
        "path": "",
        "folders": [],
        "payload": "",
        "vector": vector,
    }


def origin_of(host: str, payload: str) -> Origin:
    """Where an image is, by these fields of its row."""
    told = json.loads(payload)
    facts = told["facts"]
    paths = tuple(p.encode() if isinstance(p, str) else base64.b64decode(p["base64"]) for p in told["paths"])
    return Origin(host, paths, told["path_count"], None if facts is None else ImageFacts(*facts))


def payload_of(entity: Entity) -> str:
    """JSON of paths, their number and the facts, at most `PAYLOAD_BYTES` in UTF-8: the first paths, one at least, that
    have room; their number stays that of all."""
    facts = entity.facts
    told: Row = {
        "facts": None if facts is None else [facts.width, facts.height, facts.format, facts.animated],
        "path_count": len(entity.paths),
        "paths": [],
    }
    room = PAYLOAD_BYTES - len(_json(told).encode())
    for path in entity.paths:
        told_path = _exact(path)
        room -= len(_json(told_path).encode()) + 1
        if room < 0 and told["paths"]:
            break
        told["paths"].append(told_path)
    return _json(told)


def folders_of(paths: Iterable[bytes]) -> list[int]:
    """Hashes of the paths and of every folder above them, each once, at most `FOLDERS`.

    The nearest to the top come first. What is beyond the limit, the deepest folders and the files themselves of an
    image that has very many, is cut: a filter that names one of these does not find the image, one that names a
    folder above does.
    """
    every = {(level, above) for path in paths for level, above in enumerate(_way_to(path))}
    return [_hash(path) for _, path in sorted(every)[:FOLDERS]]


def expression(among: Filter) -> str:
    """The engine's expression for a filter; "" if that passes everything, also what is no image.

    Raises:
        InvalidRequest: it names more than `FILTER_IDS` images.
    """
    clauses = []
    if among.prefix:
        *_, prefix = _way_to(os.path.normpath(among.prefix))
        clauses.append(f"array_contains(folders, {_hash(prefix)})")
    if among.any_of is not None:
        clauses.append(f"image_id in {_listed(among.any_of)}")
    if among.not_in is not None and len(among.not_in):
        clauses.append(f"image_id not in {_listed(among.not_in, '')}")
    return " and ".join(clauses)


def of_host(host: str) -> str:
    """The expression for the entities of a host; of all if it is ""."""
    return f"host == {_json(host)}" if host else EVERY_ENTITY


def of_image(image_id: ImageId) -> str:
    """The expression for the entities of an image."""
    return f'image_id == "{image_id.hex()}"'


def in_batches(rows: Sequence[Row], most: int, most_bytes: int) -> Iterator[list[Row]]:
    """Rows in lists of at most so many, and of about so many bytes unless one row alone is larger."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        bytes_ = 8 * len(row["folders"]) + len(row["payload"]) + row["vector"].nbytes + 512
        if batch and (len(batch) == most or size + bytes_ > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += bytes_
    if batch:
        yield batch


def _listed(ids: Ids, *others: str) -> str:
    if len(ids) > FILTER_IDS:
        raise InvalidRequest(
            f"a search of the replica can name at most {FILTER_IDS:,} images to choose among or to leave out, not "
            f"{len(ids):,}",
            field="filter",
            remedy="name fewer, or search locally",
        )
    return _json([*others, *(image_id.hex() for image_id in unpack_ids(ids))])


def _way_to(path: bytes) -> list[bytes]:
    """An absolute path and the folders above it, from the top."""
    names = [name for name in path.split(b"/") if name]
    return [b"/" + b"/".join(names[:level]) for level in range(len(names) + 1)]


def _hash(path: bytes) -> int:
    # 63 bits, as not every version's expressions take a negative number in a function's arguments.
    return int.from_bytes(hashlib.blake2b(path, digest_size=8).digest()) >> 1


def _exact(path: bytes) -> str | dict[str, str]:
    """A path as JSON holds it: text if it is UTF-8, else base64."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(path).decode()}


def _for_people(path: bytes) -> str:
    return path.decode(errors="replace")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
