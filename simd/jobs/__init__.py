"""Long work in the background: one of a kind at a time, with progress, and an end when nobody wants it any more."""
