"""Personal data in texts: where it stands, of which kind it is, and how sure that is."""
