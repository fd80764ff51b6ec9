"""The replica: what this host has indexed is published in a collection that several hosts share."""
