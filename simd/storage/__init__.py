"""Embedding -> bytes that survive: log, memtable, segments, manifest, recovery.

Data goes one way: `record` -> `log` -> `memtable` -> `flush` -> `segment` -> `compaction`, and is seen through a
`snapshot`. `store` is the door. Every byte on disk is described in `docs/format.md`.
"""

FAILPOINTS = (
    "durable.before_rename",
    "durable.after_rename",
    "log.created",
    "log.before_write",
    "log.before_sync",
    "log.after_sync",
    "segment.made_directory",
    "segment.wrote_files",
    "segment.before_rename",
    "segment.after_rename",
    "flush.frozen",
    "flush.before_manifest",
    "flush.after_manifest",
    "flush.removed_log",
    "compaction.before_manifest",
    "compaction.after_manifest",
    "compaction.removed_segment",
    "recovery.before_manifest",
    "recovery.kept_copy",
    "recovery.cut",
    "recovery.removed_leftover",
)
"""Every place between two durable effects at which a crash must be survived."""
