"""Pure NumPy: arrays in, arrays out. No files, no threads, no state."""
