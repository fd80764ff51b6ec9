"""The plug: one Protocol, several implementations."""
