"""Local features: kept as pictures are indexed, made of those that lack them, dropped with their image."""
