"""Which images are the same picture, pair by pair: derived, followed by the change feed."""
