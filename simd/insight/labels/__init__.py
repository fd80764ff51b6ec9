"""What labels and copies say together: contradictions, leaks, splits."""
