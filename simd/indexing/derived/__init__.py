"""What is derived from pictures: kept as they are indexed, made of those that lack it, dropped with their image."""
