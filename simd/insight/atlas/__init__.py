"""The map of all images: where each one is, and how that is drawn. Derived: it can be laid out anew at any time."""
