"""Embedding -> bytes that survive: log, memtable, segments, manifest, recovery."""
