"""Runtimes that execute a backbone; each is imported late and in its own file."""
