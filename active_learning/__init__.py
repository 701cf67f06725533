"""Which records are worth a person's time next; runs the rounds; proves what they saved.

`strategies` are pure functions from a pool to a choice. `rounds.run_round` takes a project through one turn: score,
select, push, wait, pull, audit, fit, evaluate. `simulate` plays rounds on labels one has.
"""
