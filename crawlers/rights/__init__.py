"""What a page, its headers and its host say about who may do what with it, as evidence."""
