"""A mistake in `tilth.toml` is named with its line and what is right."""

import pytest

from store.errors import RequestError
from store.rights import RightsPolicy
from tilth.first_steps import ProjectExists, make_project
from tilth.project_file import ProjectFileError, RightsSection, line_of, read_project_file

GOOD = '[project]\nname = "x"\n[schema]\nclasses = ["a", "b"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "[rounds]\nsiz = 3\n", r'tilth\.toml:6: unknown key "rounds\.siz"; did you mean "size"\?'),
        (GOOD + '[rounds]\nsize = "many"\n', r'tilth\.toml:6: "rounds\.size": input should be a valid integer'),
        (GOOD.replace('"a", "b"', '"a"'), r"tilth\.toml:3: \[schema\] classes: .* at least 2 classes, 1 given"),
        (GOOD.replace("classes", "clases"), r'tilth\.toml:4: unknown key "schema\.clases"; did you mean "classes"\?'),
        (GOOD + '[schema.renamed]\nold = "c"\n', r'renamed: "old" becomes "c", which is not among the classes'),
        (
            GOOD + 'kind = "txt-classification"\n',
            r'"txt-classification" is not known; did you mean "text-classification"',
        ),
        ("[project\n", r"tilth\.toml: not valid TOML"),
        ("[schema]\n", r'"project" is missing'),
        (GOOD + "[labeling]\nrepeat_share = 1.5\n", r"tilth\.toml:6: .*less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "tilth.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=said) as caught:
        read_project_file(path)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 300


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
licence = "CC-BY-4.0"
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
