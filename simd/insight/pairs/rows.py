"""Rows of stored pairs: a checksum of what each says and of whose it is, and many of them packed."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import crc32c
import numpy as np
import numpy.typing as npt

from simd.insight.pairs.pair import TIERS, Pair, Pairs, Tier
from simd.types import ID_BYTES, ImageId
from simd.vectors.ids import keys, unique_ids

Records = npt.NDArray[np.void]
"""Of `RECORD`."""

_DATA = struct.Struct("<ffBBhI")
"""Similarity, share, number of the tier, mirrored, turned, checksum."""

RECORD = np.dtype(
    [
        ("ids", np.uint8, (2, ID_BYTES)),
        ("similarity", "<f4"),
        ("share", "<f4"),
        ("tier", np.uint8),
        ("mirrored", np.uint8),
        ("turned", "<i2"),
        ("checksum", "<u4"),
    ]
)
"""A whole row: both ids and what `to_data` made."""

_CHECKED = RECORD.itemsize - 4


def to_data(pair: Pair) -> bytes:
    """What a row has beside the ids."""
    said = (pair.similarity, pair.share, TIERS.index(pair.tier), pair.mirrored, pair.turned)
    record = pair.first + pair.second + _DATA.pack(*said, 0)
    return _DATA.pack(*said, crc32c.crc32c(record[:_CHECKED]))


def is_sound(record: bytes) -> bool:
    """Whether the checksum of a whole row fits."""
    whole = len(record) == RECORD.itemsize
    return whole and crc32c.crc32c(record[:_CHECKED]) == int.from_bytes(record[_CHECKED:], "little")


def pair_of(record: bytes) -> Pair:
    """The pair of a sound row."""
    similarity, share, tier, mirrored, turned, _ = _DATA.unpack_from(record, 2 * ID_BYTES)
    first, second = ImageId(record[:ID_BYTES]), ImageId(record[ID_BYTES : 2 * ID_BYTES])
    return Pair(first, second, TIERS[tier], similarity, share, bool(mirrored), turned)


def alike(records: Iterable[bytes]) -> Records:
    """Sound rows as an array, without those of what is different."""
    found = np.frombuffer(b"".join(records), RECORD)
    chosen: Records = found[found["tier"] != TIERS.index(Tier.DIFFERENT)]
    return chosen


def packed(records: Records) -> Pairs:
    """Pairs of rows."""
    ids = unique_ids(records["ids"].reshape(-1, ID_BYTES))
    known = keys(ids)
    first, second = (np.searchsorted(known, keys(records["ids"][:, side])).astype(np.int32) for side in (0, 1))
    return Pairs(
        ids,
        first,
        second,
        records["tier"].copy(),
        records["similarity"].astype(np.float32),
        records["share"].astype(np.float32),
        records["mirrored"].astype(np.bool_),
        records["turned"].astype(np.int16),
    )
