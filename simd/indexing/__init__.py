"""The loop: changes -> featurizer -> index and catalogue."""
