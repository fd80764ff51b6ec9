"""SQLite: which files exist, which image each is, what was rejected and why."""
