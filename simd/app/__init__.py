"""The composition root: what builds the rooms, and what looks at all of them."""
