"""Bytes -> embedding: decode in killable workers, preprocess, batch, backbone."""
