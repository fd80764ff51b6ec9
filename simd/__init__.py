"""simd: a daemon that finds similar images in folders that keep changing."""

__version__ = "0.1.0"
