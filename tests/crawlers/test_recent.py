"""A dict that forgets what was set longest ago."""

from crawlers.recent import Recent


def test_the_last_keys_that_were_set_are_there_with_their_last_values() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    recent["a"] = 3
    recent["c"] = 4
    assert dict(recent) == {"a": 3, "c": 4}


def test_what_is_taken_out_makes_room() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert recent.pop("a") == 1
    recent["c"] = 3
    assert dict(recent) == {"b": 2, "c": 3}
