"""What to label next: the calls, what they answer, and how other programs have it."""
