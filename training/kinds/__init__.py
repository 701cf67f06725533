"""What each kind of label schema means for a model: one module a kind, named after it.

A kind's module gives `PROBLEM_TYPE`, `label_index(schema, value)`, `value(schema, index)` and `evaluate(...)`; nothing
else in `training` knows one kind from another. `store.label_schema.kind_module("training", kind)` finds it.
"""
