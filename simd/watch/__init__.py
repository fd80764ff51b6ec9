"""File landed -> Change. The scan is the truth; filesystem events are hints that make it faster."""
