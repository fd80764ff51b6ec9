"""Files of labels, as other programs write them: read whole before anything is sent, so that nothing is half
imported."""
