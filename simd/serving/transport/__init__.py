"""Who may call, how much at once, and in which words calls fail: nothing here knows what a call is about."""
