"""Local features of pictures: kept, made where they are missing, dropped with their image."""
