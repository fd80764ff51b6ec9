"""Groups of copies: the calls, what they answer, and how it is shown or becomes a plan."""
