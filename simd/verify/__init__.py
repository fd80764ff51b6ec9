"""Whether two pictures are one picture, edited: by alignment, not by a descriptor of the whole."""
