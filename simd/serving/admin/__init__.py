"""Everything that is asked of the daemon but searches."""
