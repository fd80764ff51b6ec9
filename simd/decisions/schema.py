"""The tables of `decisions.sqlite`: what people said, which neither a scan nor the model can make again."""

from __future__ import annotations

from simd.sqlite.schema import Kept, Schema

FILE = "decisions.sqlite"
"""Its name in the state directory."""

_DUPLICATES_AND_LABELS = """
CREATE TABLE said (
  decision_id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('not_duplicates', 'keep', 'keep_all')),
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE said_of (
  image_id BLOB NOT NULL,
  decision_id INTEGER NOT NULL,
  PRIMARY KEY (image_id, decision_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX said_of_decision ON said_of (decision_id);
CREATE TABLE labels (
  image_id BLOB NOT NULL,
  label TEXT NOT NULL,
  file INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (image_id, label, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_label ON labels (label);
"""

SCHEMA = Schema(
    name="file of decisions",
    # The bytes `simD`.
    application_id=0x73696D44,
    version=2,
    create=f"""
CREATE TABLE removed (
  path BLOB PRIMARY KEY,
  image_id BLOB,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
{_DUPLICATES_AND_LABELS}
""",
    steps={1: _DUPLICATES_AND_LABELS},
    kept=(
        Kept("removed", "removals"),
        Kept("said", "decisions on duplicates"),
        Kept("said_of", "images decided on"),
        Kept("labels", "labels"),
    ),
    without="what was taken out of the answers comes back, and what was said of duplicates and all labels are lost",
)
"""`removed` is of files, by path and content; the rest is of images, by content alone. `labels.file` only tells apart
what was said of several copies of one image: see `labels.file_number`."""
