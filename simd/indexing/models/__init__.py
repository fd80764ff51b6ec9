"""From the index of one model to that of another."""
