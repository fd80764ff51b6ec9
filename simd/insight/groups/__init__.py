"""Groups of files that are the same picture: around a keeper, chosen by rules, less what people said."""
