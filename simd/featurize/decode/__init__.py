"""Bytes of a file -> the pixels that a model takes."""
