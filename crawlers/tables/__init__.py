"""The rows of CSV, JSON Lines and Parquet files; `crawlers.file_rows` is the way in."""
