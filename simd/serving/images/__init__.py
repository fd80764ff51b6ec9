"""Pictures to be looked at: thumbnails and originals of images that are indexed."""
