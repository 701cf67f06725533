"""How a host is treated: robots.txt, pauses, and what it asks for when it is busy."""
