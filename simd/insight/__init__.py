"""What is known of images beyond their likeness: which are the same picture, and what people said they are."""
