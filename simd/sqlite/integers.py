"""Integers wider than the signed 64 bits of SQLite."""

from __future__ import annotations


def signed(value: int) -> int:
    """An integer as SQLite's 64 signed bits hold it."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def unsigned(value: int) -> int:
    """What `signed` was given, where that was not negative (inodes, devices)."""
    return value % (1 << 64)
