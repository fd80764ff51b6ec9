"""The engine behind a replica: what is kept there of an image, what it is asked, how it is reached."""
