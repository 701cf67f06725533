"""What each kind of label schema allows: one module a kind, named after it.

A kind's module gives `check_schema(schema)`, `check_value(schema, value)`, `rename_value(schema, value)`,
`classes_in(value)` and `release_columns(schema)`; nothing else in `store` knows one kind from another.
"""
