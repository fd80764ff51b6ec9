"""What is known beyond likeness: groups of copies, decisions, labels, splits."""
