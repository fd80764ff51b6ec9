"""What people said of images, which nothing else can say again."""
