"""A village that does not exist: its messages, where they stand, and the pages that show them."""
