"""Steps and logins as a source declares them: what is wrong is said with its place."""

from typing import Any

import pytest

from crawlers.declaration import SourceError
from crawlers.kinds import read_source

LOGIN = {
    "url": "https://forum.example/login",
    "username": "#user",
    "password": "#password",
    "submit": "button",
    "username_env": "FORUM_USER",
    "password_env": "FORUM_PASSWORD",
    "done_when": ".me",
}


def declared(**keys: Any) -> Any:
    return read_source({"name": "forum", "start": ["https://forum.example/"], "render": "browser", **keys})


def test_steps_and_login_come_back_as_they_were_declared() -> None:
    steps = [
        {"wait_for": "article"},
        {"click": "button.more", "until_gone": True},
        {"click": "button.more", "times": 3, "seconds": 5},
        {"scroll": "until-nothing-new", "max": 9},
        {"fill": {"selector": "input", "value": "beans"}},
    ]
    source = declared(steps=steps, login=LOGIN)
    assert [step.most_clicks for step in source.steps[1:3]] == [100, 3]
    assert source.steps[3].most_scrolls == 9 and source.login.done_when == ".me"
    assert read_source(source.declared()) == source


@pytest.mark.parametrize(
    ("keys", "place", "said"),
    [
        ({"steps": [{"wait_for": "p"}, {"click": "p >"}]}, ("steps", 1, "click"), "not valid CSS"),
        ({"steps": [{}]}, ("steps", 0), "does nothing"),
        ({"steps": [{"click": "p", "wait_for": "p"}]}, ("steps", 0), "wait_for and click"),
        ({"steps": [{"wait_for": "p", "times": 2}]}, ("steps", 0, "times"), "belongs to a step with click"),
        ({"steps": [{"click": "p", "max": 2}]}, ("steps", 0, "max"), "belongs to a step with scroll"),
        ({"steps": [{"click": "p", "times": 0}]}, ("steps", 0, "times"), "at least 1"),
        ({"steps": [{"press": "p"}]}, ("steps", 0, "press"), "known here: wait_for, click"),
        ({"steps": [{"scroll": "down"}]}, ("steps", 0, "scroll"), "until-nothing-new"),
        ({"steps": [{"fill": {"selector": "p"}}]}, ("steps", 0, "fill"), "either value"),
        ({"steps": [{"fill": {"selector": "p", "env": "no name"}}]}, ("steps", 0, "fill", "env"), "no environment"),
        ({"login": LOGIN | {"done_when": "["}}, ("login", "done_when"), "not valid CSS"),
        ({"login": LOGIN | {"url": "login"}}, ("login", "url"), "no http or https URL"),
        ({"login": LOGIN | {"password_env": "hunter 2"}}, ("login", "password_env"), "never the secret itself"),
        ({"login": {key: LOGIN[key] for key in LOGIN if key != "submit"}}, ("login",), '"login.submit" is missing'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(keys: dict[str, Any], place: tuple[Any, ...], said: str) -> None:
    with pytest.raises(SourceError) as error:
        declared(**keys)
    assert error.value.field == ("source", 0, *place)
    assert said in str(error.value)
