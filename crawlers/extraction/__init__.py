"""From the bytes of a page to its records and links."""
