"""The map of all images, as a client has it."""
