"""What a person sees of a crawl while it runs."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from crawlers.live import LiveHost, LiveState
from crawlers.read_in import Reading
from tilth.cli import live_view as view

HOST = LiveHost("forum.example", 10, 2, 5, 130.0, "it asks for 30 s between requests", False, 0.25, 1)
STATE = LiveState("run", 100.0, 20.0, 10, 30, 0.5, 2, 5, {"timeout": 1, "robots": 3}, 2_500_000, (HOST,))


def drawn(state: LiveState) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(view.table(state, 100.0))
    return console.export_text()


def test_the_line_says_pages_records_what_waits_and_what_was_not_had() -> None:
    assert view.summary(STATE) == (
        "10 pages (0.5 a second); 30 records; 5 waiting; 2.5 MB kept; not had: 3 robots, 1 timeout"
    )


def test_a_crawl_that_only_waits_says_for_whom_and_why() -> None:
    assert view.held_up(STATE) == ""
    idle = replace(STATE, in_hand=0)
    assert view.held_up(idle) == "; forum.example waits: it asks for 30 s between requests"
    assert view.held_up(replace(idle, hosts=(replace(HOST, closed=True),))) == ""


def test_the_table_says_when_a_host_is_asked_again_and_why_not_now() -> None:
    assert "in 30 s: it asks for 30 s between requests" in drawn(STATE)


def test_a_host_that_this_crawl_leaves_is_named_as_such() -> None:
    left = replace(STATE, hosts=(replace(HOST, closed=True, why="robots.txt cannot be had"),))
    assert "left for the next crawl: robots.txt cannot be had" in drawn(left)


def test_many_hosts_are_counted_not_listed() -> None:
    many = replace(STATE, hosts=tuple(replace(HOST, host=f"h{n}.example") for n in range(40)))
    assert "and 28 more hosts" in drawn(many)


def test_json_lines_come_once_a_second_of_the_crawl(capsys: pytest.CaptureFixture[str]) -> None:
    with view.live_view(as_lines=True) as show:
        show(STATE)
        show(STATE)
        show(replace(STATE, at=101.0, pages=11))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["pages"] for line in lines] == [10, 11]
    assert lines[0]["hosts"][0]["host"] == "forum.example"


def test_a_caller_whose_output_is_one_document_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with view.live_view(quiet=True) as show:
        show(STATE)
    assert capsys.readouterr() == ("", "")


def test_where_nobody_watches_a_plain_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "SECONDS_BETWEEN_LINES", 0.0)
    with view.live_view() as show:
        show(STATE)
        show(STATE)
    assert capsys.readouterr().err == f"{view.summary(STATE)}.\n"


def test_a_source_that_is_read_says_how_many_records_it_gave_and_how_fast() -> None:
    assert view.summary(Reading("letters", 100.0, 4.0, 12_000)) == "letters: 12,000 records (3,000 a second)"


def test_batches_that_come_fast_are_told_once_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    with view.live_view(as_lines=True) as show:
        for tenth in range(30):
            show(Reading("letters", 100.0 + tenth / 10, tenth / 10, tenth))
    told = [json.loads(line)["records"] for line in capsys.readouterr().out.splitlines()]
    assert told == [0, 10, 20]
