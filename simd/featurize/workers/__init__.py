"""Processes that decode, and may do nothing else."""
