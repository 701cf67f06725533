"""What is not HTML, read: sitemaps, feeds, JSON, files, the rows of databases. Pure functions of bytes or rows."""
