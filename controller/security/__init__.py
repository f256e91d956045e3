"""Who may call: the token, and what a request has to be before anything reads it."""
