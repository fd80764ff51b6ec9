"""What is derived from pictures and kept by image: local features, icons. All of it can be made again."""
