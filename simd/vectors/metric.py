"""What a vector is and how far apart two of them are.

Vectors are float32 `(dimension,)` or `(n, dimension)`, L2-normalised. Stored rows are float16; they are widened
exactly to float32 before anything is computed. Distances are Euclidean and computed from differences, so that equal
vectors are exactly 0 apart, which the expansion `2 - 2 * dot` would not give.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simd.errors import InvalidRequest
from simd.types import Vector

Half = npt.NDArray[np.float16]
"""Rows as they are stored."""

NORM_TOLERANCE = 1e-3
"""How far from 1 a norm may be: float16 rounding moves it by less than 5e-4."""


def normalise(x: npt.NDArray[np.floating[Any]]) -> Vector:
    """`x` divided by its L2 norm along the last axis, float32. A zero vector stays zero, which no index accepts."""
    wide = np.asarray(x, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(norms == 0.0, 1.0, norms), dtype=np.float32)


def half(x: Vector) -> Vector:
    """`x`, of which no value is beyond 65,504, rounded to what float16 can hold, as float32.

    Half to even, as NumPy's own conversion does, which takes ten times as long: half the values of an embedding are so
    small that it raises a floating point exception for each.
    """
    bits = np.ascontiguousarray(x).view(np.int32)
    rounded = (bits >> 13) & 1
    rounded += bits
    rounded += 0x0FFF
    rounded &= ~0x1FFF
    # Below its normal numbers, float16 has steps of 2^-24, and so has float32 between 0.5 and 1.
    small = (x + np.float32(0.75)) - np.float32(0.75)
    return np.where(np.abs(x) < np.float32(2.0**-14), small, rounded.view(np.float32))


def widen(rows: Half) -> Vector:
    """Finite float16 rows as float32, exactly.

    The bits are moved by integer shifts and the exponent is set right by one multiplication: six times faster than
    NumPy's own conversion, which would be the dearest step of a search.
    """
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


def check_vectors(x: npt.NDArray[Any], dimension: int) -> None:
    """Refuse what is not a batch of finite, L2-normalised float vectors `(n, dimension)`.

    Raises:
        InvalidRequest: naming the first row at fault.
    """
    if x.ndim != 2 or x.shape[1] != dimension:
        raise InvalidRequest(
            f"a vector of shape {x.shape[1:]} cannot go into an index of dimension {dimension}", field="vector"
        )
    if not np.issubdtype(x.dtype, np.floating):
        raise InvalidRequest(f"vectors must be floating point, not {x.dtype}", field="vector")
    norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    # NaN fails every comparison, so this also catches what is not finite.
    bad = np.flatnonzero(~(np.abs(norms - 1.0) <= NORM_TOLERANCE))
    if bad.size:
        row = int(bad[0])
        what = f"has the norm {norms[row]:.6g}" if np.isfinite(norms[row]) else "is not finite"
        raise InvalidRequest(
            f"vector {row} {what}; it must be 1 to within {NORM_TOLERANCE}", field="vector", remedy="L2-normalise it"
        )


def check_radius(radius: float, limit: int) -> None:
    """Refuse what is no radius or no limit.

    Raises:
        InvalidRequest: it is negative, or not a number.
    """
    if not radius >= 0:
        raise InvalidRequest(f"the radius is {radius}; it must not be negative", field="radius")
    if limit < 0:
        raise InvalidRequest(f"the limit is {limit}; it must not be negative", field="limit")


def distances(query: Vector, rows: Vector | Half) -> Vector:
    """Euclidean distances `(n,)` float32 between one query `(d,)` and rows `(n, d)`; 0 for equal vectors."""
    # Always a fresh array: the subtraction below must not reach the caller's.
    stored = rows.dtype == np.float16
    difference = widen(rows.astype(np.float16, copy=False)) if stored else np.array(rows, dtype=np.float32)
    difference -= query
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", difference, difference)), dtype=np.float32)
