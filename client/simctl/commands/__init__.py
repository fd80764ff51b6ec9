"""One module for each command: `arguments` declares its options, `run` does it."""
