"""Which folders are watched, and what scans of them find."""
