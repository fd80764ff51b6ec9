"""Which images are worth labelling next, and why."""
