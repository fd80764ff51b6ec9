"""The one writer of index and catalogue, and what it is made of."""
