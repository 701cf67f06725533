"""Curation says what each step set aside and why, keeps all of it, and takes it back when the settings change."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from store.curation.curate import curate, curate_when_new
from store.curation.language import LanguageUnknown
from store.curation.quality import notice
from store.curation.setting_aside import set_aside
from store.curation.settings import CurationSettings
from store.curation.traits import traits
from store.database import Store
from store.issues import issues
from store.pool import pool
from store.records import add_records, records

NONE = CurationSettings(min_chars=0, max_repeated_lines=1, max_boilerplate=1, notices=False)
FRAME = "Home of the garden club\nForum and letters\nAll about us and our gardens\n"
ENGLISH = "My neighbour grows tomatoes of seven colours behind the old barn."


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def reasons(store, texts, settings):
    """Step to reason of the first text, after curation of all."""
    ids = add_records(store, pa.table({"text": texts}), source_name="forum").record_ids
    curate(store, settings)
    return {row["step"]: row["reason"] for row in set_aside(store).to_pylist() if row["record_id"] == ids[0]}


@pytest.mark.parametrize(
    ("text", "settings", "step", "reason"),
    [
        ("Das ist ein deutscher Satz über Tomaten.", {"languages": ("en", "fr")}, "language", "de"),
        (" \n ", {"min_chars": 1}, "length", "0 characters"),
        ("short", {"min_chars": 6}, "length", "5 characters"),
        ("too long " * 20, {"max_chars": 100}, "length", "179 characters"),
        ("12 34 -- !! x", {"min_letters": 0.2}, "letters", "11%"),
        ("buy\nnow\nbuy\nnow\nbuy\nnow", {"max_repeated_lines": 0.5}, "repetition", "67%"),
        ("404 Not Found", {"notices": True}, "notice", "not found"),
    ],
)
def test_a_record_outside_a_limit_is_set_aside_with_the_reason(store, text, settings, step, reason):
    found = reasons(store, [text, ENGLISH], replace(NONE, **settings))
    assert list(found) == [step]
    assert reason in found[step]
    assert pool(store)["text"].to_pylist() == [ENGLISH]


def test_a_text_within_all_limits_stays(store):
    assert reasons(store, [ENGLISH], CurationSettings(languages=("en",))) == {}


@pytest.mark.parametrize("text", ["ok", "Hola", "🔥🔥", "12345"])
def test_a_text_too_short_to_tell_its_language_stays(store, text):
    assert reasons(store, [text], replace(NONE, languages=("de",))) == {}


def test_a_text_that_is_mostly_the_frame_of_its_site_is_set_aside_and_one_with_content_is_not(store):
    framed = [f"{FRAME}{number}" for number in range(12)]
    add_records(store, pa.table({"text": [f"{FRAME}{ENGLISH} " * 3]}), source_name="forum")
    assert list(reasons(store, framed, replace(NONE, max_boilerplate=0.8))) == ["boilerplate"]
    assert set_aside(store).num_rows == len(framed)


def test_lines_that_many_records_of_another_source_have_are_no_frame(store):
    for number in range(12):
        add_records(store, pa.table({"text": [f"{FRAME}{number}"]}), source_name=f"source {number}")
    curate(store, CurationSettings())
    assert set_aside(store).num_rows == 0


def test_other_settings_take_back_what_was_set_aside_and_nothing_is_lost(store):
    texts = ["short", ENGLISH]
    assert reasons(store, texts, replace(NONE, min_chars=10))
    curate(store, NONE)
    assert set_aside(store).num_rows == 0
    assert sorted(pool(store)["text"].to_pylist()) == sorted(texts)
    assert records(store).num_rows == 2


def test_a_second_run_finds_only_what_came_since(store):
    add_records(store, pa.table({"text": [ENGLISH]}), source_name="forum")
    curate(store, NONE)
    before = {row["record_id"]: row["found_at"] for row in traits(store, "language").to_pylist()}
    add_records(store, pa.table({"text": ["Another letter about slugs and beans."]}), source_name="forum")
    assert curate(store, NONE).records == 2
    after = {row["record_id"]: row["found_at"] for row in traits(store, "language").to_pylist()}
    assert len(after) == 2
    assert before.items() <= after.items()


def test_a_dry_run_tells_the_same_and_changes_nothing(store):
    add_records(store, pa.table({"text": ["x", ENGLISH, ENGLISH + "!", "a@b.example"]}), source_name="forum")
    settings = replace(NONE, min_chars=3)
    told = curate(store, settings, dry_run=True)
    assert set_aside(store).num_rows == traits(store, "pii").num_rows == issues(store).num_rows == 0
    assert store.read("SELECT * FROM duplicates").num_rows == 0
    assert told == curate(store, settings)
    assert (told.set_aside["length"], told.duplicates.set_aside, told.personal, told.left_out) == (
        1,
        1,
        {"email": 1},
        2,
    )


def test_personal_data_is_shown_by_kind_and_place_and_never_itself(store):
    ids = add_records(store, pa.table({"text": ["🔥 jane@example.org", ENGLISH]}), source_name="forum").record_ids
    assert curate(store, NONE).personal == {"email": 1}
    spans = {row["record_id"]: json.loads(row["value"])["spans"] for row in traits(store, "pii").to_pylist()}
    assert [(one["start"], one["end"], one["kind"]) for one in spans[ids[0]]] == [(2, 18, "email")]
    assert spans[ids[1]] == []
    (issue,) = issues(store, kind="pii").to_pylist()
    assert issue["record_id"] == ids[0]
    assert json.loads(issue["evidence"]) == {"kinds": {"email": 1}, "masked": ["j…@….org"]}


def test_a_suspicion_that_new_settings_do_not_share_is_dismissed(store):
    add_records(store, pa.table({"text": ["Telefon 030 901820"]}), source_name="forum")
    curate(store, replace(NONE, phone_regions=("DE",)))
    assert issues(store, kind="pii")["state"].to_pylist() == ["open"]
    assert curate(store, NONE).personal == {}
    assert issues(store, kind="pii")["state"].to_pylist() == ["dismissed"]


def test_a_language_that_there_is_not_is_refused_before_anything_is_set_aside(store):
    with pytest.raises(LanguageUnknown, match='"english"'):
        curate(store, replace(NONE, languages=("english",)))


def test_a_store_without_records_is_curated(store):
    assert curate(store, CurationSettings()).records == 0


def test_an_image_is_left_alone(store):
    rows = {"text": pa.array([None], pa.string()), "media_path": ["media/ab.png"], "modality": ["image"]}
    add_records(store, pa.table(rows), source_name="forum")
    assert curate(store, CurationSettings(languages=("en",))).left_out == 0


@pytest.mark.parametrize(
    "text",
    [
        "Page not found",
        "Sorry, the page you are looking for could not be found. Go to the home page.",
        "Die angeforderte Seite wurde nicht gefunden.",
        "We and our partners use cookies to store data. Accept all or manage your preferences.",
        "Please enable JavaScript to view this site.",
        "403 Forbidden",
        "Checking your browser before you go on",
        "Page not found | The garden club",
        "404 Not Found\nnginx/1.18.0",
        "404 Not Found The requested URL /x was not found on this server.",
        "Page not found - The garden club",
        "Sorry, this page could not be found on our server.",
        "Access to this page has been denied because we believe you are using automation tools.",
        "Access denied\nYou do not have permission to view this page.",
        "Please verify you are a human",
        "This content is no longer available.",
    ],
)
def test_a_notice_is_known(text):
    assert notice(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "I get 404 page not found when I open the settings",
        "The page cannot be found when I follow my link",
        "404 euros were taken from the account",
        "Do you use cookies in this recipe?",
        "How to enable dark mode",
        "Access denied when paying with card",
        "Access denied: why was the payment refused?",
        "Access denied - what can be done about it?",
        "Link not found in the e-mail, what now?",
        "Topic not found in docs",
        "404 not found after the update of the shop",
        "Page not found?",
        "Page not found. " + "And then a long text about gardens follows. " * 20,
    ],
)
def test_what_people_write_about_notices_is_none(text):
    assert notice(text) is None


def test_before_a_round_only_what_is_new_is_curated(store, monkeypatch):
    settings = replace(NONE, min_chars=6)
    add_records(store, pa.table({"text": [ENGLISH, ENGLISH + "!"]}), source_name="forum")
    assert curate_when_new(store, settings) == 1
    with monkeypatch.context() as trap:
        trap.setattr("store.curation.curate.find_duplicates", None)
        assert curate_when_new(store, settings) == 1
    add_records(store, pa.table({"text": ["short"]}), source_name="forum")
    curate_when_new(store, settings)
    assert set_aside(store)["step"].to_pylist() == ["length"]
    curate_when_new(store, NONE)
    assert set_aside(store).num_rows == 0


def test_a_curation_that_was_cut_off_is_done_again_before_a_round(store, monkeypatch):
    add_records(store, pa.table({"text": ["short"]}), source_name="forum")
    curate_when_new(store, NONE)
    with monkeypatch.context() as trap:
        trap.setattr("store.curation.curate.find_duplicates", None)
        with pytest.raises(TypeError):
            curate(store, replace(NONE, min_chars=6))
    assert set_aside(store).num_rows == 1
    curate_when_new(store, NONE)
    assert set_aside(store).num_rows == 0
