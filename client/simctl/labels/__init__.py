"""Labels: the calls, what they answer, files of labels, and folders of links."""
