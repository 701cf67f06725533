"""A mistake in `tilth.toml` is named with its line and what is right."""

from typing import get_args

import pytest

from active_learning.strategies import STRATEGIES
from store.errors import RequestError
from store.rights import RightsPolicy
from tilth.first_steps import ProjectExists, make_project
from tilth.project_file import ProjectFileError, read_project_file
from tilth.sections import RightsSection
from tilth.strategy_names import Strategy
from tilth.toml_lines import line_of

GOOD = '[project]\nname = "x"\n[schema]\nclasses = ["a", "b"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "[rounds]\nsiz = 3\n", r'tilth\.toml:6: unknown key "rounds\.siz"; did you mean "size"\?'),
        (
            GOOD + '[rounds]\nsize = "many"\n',
            r'tilth\.toml:6: "rounds\.size" must be a whole number, but it is "many"\.',
        ),
        (GOOD.replace('"a", "b"', '"a"'), r"tilth\.toml:3: \[schema\] classes: .* at least 2 classes, 1 given"),
        (GOOD.replace("classes", "clases"), r'tilth\.toml:4: unknown key "schema\.clases"; did you mean "classes"\?'),
        (GOOD + '[schema.renamed]\nold = "c"\n', r'renamed: "old" becomes "c", which is not among the classes'),
        (
            GOOD + 'kind = "txt-classification"\n',
            r'"txt-classification" is not known; did you mean "text-classification"',
        ),
        ("[project\n", r"tilth\.toml:1: not valid TOML"),
        (
            GOOD + '[project]\ncontact = "me"\n',
            r"toml:5: .*a table may stand once, so write its keys together\.",
        ),
        (GOOD + '[source]\nname = "a"\n', r"tilth\.toml:5: .* write \[\[source\]\], with two brackets\."),
        (GOOD + '[source]\nname = "a"\n[source]\n', r"tilth\.toml:7: .* write every source as \[\[source\]\]"),
        (GOOD + "[[rounds]]\nsize = 3\n", r"tilth\.toml:5: .* write \[rounds\], with one bracket\."),
        (GOOD + '[curation]\nlanguages = "en"\n', r'tilth\.toml:6: .* must be a list; write it as \["en"\]\.'),
        (
            GOOD + '[proxies]\n[[proxies.pool]]\nurl = "socks5://a:1"\n',
            r'toml:7: "proxies\.pool\.0\.url" cannot be used: SOCKS proxies are not spoken to; use one that .* HTTP\.$',
        ),
        (
            GOOD + '[[proxies.pool]]\nurl = "http://a"\npassword_env = "P"\n',
            r"cannot be used: username_env and password_env go together\.$",
        ),
        ("[schema]\n", r'"project" is missing'),
        (GOOD + "[labeling]\nrepeat_share = 1.5\n", r"tilth\.toml:6: .* must be at most 1.0, but it is 1.5\."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "tilth.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=said) as caught:
        read_project_file(path)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 300


def test_every_strategy_can_be_named_and_no_other():
    assert set(get_args(Strategy)) == set(STRATEGIES)


def test_a_folder_without_a_project_file_says_how_to_make_one(tmp_path):
    with pytest.raises(RequestError, match="tilth init"):
        read_project_file(tmp_path / "tilth.toml")


def test_the_line_of_a_key_in_the_second_source_is_found():
    first = '[[source]]\nname = "a"\n[source.fields]\ntext = "p"\n\n'
    text = first + '[[source]]\nname = "b"\nitem = "q"\n[source.fields]\ntext = "r"\n'
    assert line_of(text, ("source", 1, "item")) == 8
    assert line_of(text, ("source", 1, "fields", "text")) == 10
    assert line_of(text, ("source", 0, "fields", "text")) == 4
    assert line_of(text, ("source", 1, "start", 0)) == 6


def test_tables_inside_each_source_are_counted_anew():
    step = '[[source.steps]]\nclick = "a"\n'
    text = f'[[source]]\nname = "a"\n{step}[[source]]\nname = "b"\n{step}{step}[source.login]\nfill.env = "X"\n'
    assert line_of(text, ("source", 0, "steps", 0, "click")) == 4
    assert line_of(text, ("source", 1, "steps", 1, "click")) == 10
    assert line_of(text, ("source", 1, "login", "fill", "env")) == 12


def test_init_makes_a_project_file_that_is_valid(tmp_path):
    path = make_project(tmp_path / "My project!", contact='me "the" owner')
    declared = read_project_file(path)
    assert declared.project.name == "My-project"
    assert declared.project.contact == 'me "the" owner'
    with pytest.raises(ProjectExists):
        make_project(tmp_path / "My project!")


RIGHTS = """[project]
name = "letters"
[schema]
classes = ["a", "b"]
[[source]]
name = "forum"
[rights.forbids]
tdm-reservation = "label"
[rights.permission.forum]
license = "CC-BY-4.0"
note = "written consent of 2026-01-01"
"""


def test_the_rights_section_is_the_policy_and_says_nothing_where_it_is_absent(tmp_path):
    (tmp_path / "tilth.toml").write_text(RIGHTS, encoding="utf-8")
    policy = read_project_file(tmp_path / "tilth.toml").rights.policy
    assert policy.forbidden_by("tdm-reservation") == "label"
    assert policy.permissions["forum"].note == "written consent of 2026-01-01"
    assert RightsSection().policy.hash == RightsPolicy().hash


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("tdm-reservation", "tdm-reservtion", r'tilth\.toml:8: .*did you mean "tdm-reservation"\?'),
        ('"label"', '"sell"', r"tilth\.toml:8: .*'nothing', 'publish', 'label' or 'fetch'"),
        ("permission.forum", "permission.form", r'tilth\.toml:9: .*no \[\[source\]\]; did you mean "forum"\?'),
        ('note = "written', 'nota = "written', r"tilth\.toml:11: .*nota"),
    ],
)
def test_a_mistake_about_rights_is_named_with_its_line(tmp_path, right, wrong, message):
    (tmp_path / "tilth.toml").write_text(RIGHTS.replace(right, wrong), encoding="utf-8")
    with pytest.raises(ProjectFileError, match=message):
        read_project_file(tmp_path / "tilth.toml")
