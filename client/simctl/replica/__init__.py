"""The replica that a daemon publishes in, as a client has it."""
