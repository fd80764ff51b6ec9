"""Searches, from the request to the answer."""
