"""`frontier.sqlite`: what is to be fetched, what was, and what the store does not have yet."""
