ALTER TABLE pages ADD COLUMN unchanged VARCHAR;   -- by what it is known to be as it was: validator, body or text
