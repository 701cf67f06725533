"""How each kind of label schema is asked and answered in Label Studio: one module a kind, named after it.

A kind's module gives `config(schema)`, `difference(schema, config)`, `task_data(record)`, `result(schema, value)`,
`value(result)` and `prediction(schema, shown)`; nothing else in `labeling` knows one kind from another.
"""
