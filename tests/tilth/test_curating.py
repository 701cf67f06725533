"""`tilth curate` as people and programs meet it."""

import json

import pytest

from store.errors import RequestError
from tests.command_line import done, tilth
from tilth.curating import release_transform
from tilth.project import Project


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "garden"
    done("init", folder, "--contact", "me@example.org")
    file = tmp_path / "letters.csv"
    file.write_text("text\nPage not found\nMy tomatoes are red\nmy tomatoes are red!\nAsk jane@example.org\n")
    done("import", file, project=folder)
    return folder


def declare(project, line):
    file = project / "tilth.toml"
    file.write_text(file.read_text().replace("[curation]\n", f"[curation]\n{line}\n"))


def test_it_says_for_each_step_how_many_records_it_set_aside(project):
    said = done("curate", project=project)
    lines = {line.split()[0]: line.split()[-1] for line in said.splitlines() if line.strip()}
    assert (lines["near-equal"], lines["notice"], lines["language"]) == ("1", "1", "0")
    assert "Personal data, in records: email 1." in said
    assert "4 records; 2 set aside and kept, 2 left." in said
    assert "max_repeated_lines" in said


def test_a_dry_run_prints_json_and_leaves_the_pool_as_it_was(project):
    told = json.loads(done("curate", "--dry-run", "--json", project=project))
    assert (told["records"], told["left_out"], told["set_aside"]["notice"]) == (4, 2, 1)
    assert told["personal"] == {"email": 1}
    pool = json.loads(done("status", "--json", project=project))["counts"]["in the pool"]
    assert pool == 4


def test_a_language_that_there_is_not_is_refused(project):
    declare(project, 'languages = ["english"]')
    assert '"english"' in tilth("curate", project=project).refused()


def test_a_slip_in_a_key_is_refused_with_the_key_that_is_near(project):
    declare(project, "max_repeated_lines_ = 2")
    assert 'did you mean "max_repeated_lines"' in tilth("curate", project=project).refused()


def test_a_release_takes_personal_data_out_unless_the_project_says_otherwise(project):
    assert "pseudonyms" in release_transform(Project(project)).name
    declare(project, 'phone_regions = ["UK"]')
    with pytest.raises(RequestError, match="UK"):
        release_transform(Project(project))


def test_a_project_that_keeps_personal_data_changes_nothing(project):
    file = project / "tilth.toml"
    file.write_text(file.read_text().replace('pii_in_releases = "pseudonymise"', 'pii_in_releases = "keep"'))
    assert release_transform(Project(project)) is None
