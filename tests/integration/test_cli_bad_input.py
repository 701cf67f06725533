"""What is asked wrongly is said in a sentence or two, with exit code 2; the project stays as it was."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from store.database import Store, utc_now
from tests.command_line import done, tilth, what_must_stay
from tests.hub_server import Hub
from tests.tiny_project import CLASSES, letters, write_csv, write_encoder, write_project

LETTERS = letters(60)
HOLD = """
import sys, time
from store.database import Store
store = Store(sys.argv[1])
store.connection
print("held", flush=True)
time.sleep(60)
"""
SITE = """
[[source]]
name = "board"
kind = "site"
start = ["{start}"]
item = "article"
[source.fields]
text = "p"
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> Path:
    """A project with 40 labels and 20 records without, copied for each test."""
    folder = write_project(tmp_path_factory.mktemp("made") / "project", encoder)
    done("import", write_csv(folder / "letters.csv", LETTERS, labelled=40), "--label", "label", project=folder)
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def empty(tmp_path: Path, encoder: Path) -> Path:
    """A project without a record."""
    return write_project(tmp_path / "empty", encoder)


def edit(project: Path, old: str, new: str) -> None:
    """Change the project file as its owner would."""
    path = project / "tilth.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def declare(project: Path, source: str) -> int:
    """Add a source to the project file, and give the line on which it begins."""
    path = project / "tilth.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + source, encoding="utf-8")
    return len(text.splitlines()) + 2


class TestTheProjectFile:
    def test_a_folder_without_one_says_how_to_make_one(self, tmp_path):
        for verb in ("status", "crawl", "fit", "publish", "report"):
            assert f"tilth init {tmp_path}" in tilth(verb, project=tmp_path).refused()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("model = 'probe'", "model = 'prob'", "\"training.model\" must be 'auto', 'probe', 'propagation'"),
            (
                "[training]",
                "[rounds]\nsize = 'many'\n[training]",
                'tilth.toml:10: "rounds.size" must be a whole number',
            ),
            ("question =", "qestion =", 'tilth.toml:7: unknown key "schema.qestion"; did you mean "question"?'),
            ("[project]", "[project", "not valid TOML"),
        ],
    )
    def test_a_mistake_is_said_with_its_line(self, project, old, new, said):
        before = what_must_stay(project)
        edit(project, old, new)
        for verb in ("status", "fit"):
            assert said in tilth(verb, project=project).refused()
        assert what_must_stay(project) == before

    def test_a_class_that_is_in_use_cannot_go(self, project):
        before = what_must_stay(project)
        edit(project, "'praise'", "'anger'")
        for verb in ("status", "fit", "audit"):
            said = tilth(verb, project=project).refused()
            assert said.startswith('tilth.toml:6: [schema] classes: "praise" (13 answers) in use and no longer there')
            assert 'renamed = { "praise"' in said
        assert what_must_stay(project) == before

    def test_a_strategy_that_there_is_not(self, project):
        edit(project, "[training]", "[rounds]\nstrategy = 'margn'\n[training]")
        for verb in ("status", "round"):
            said = tilth(verb, project=project).refused()
            assert said.startswith("tilth.toml:10: \"rounds.strategy\" must be 'auto', 'random'")
            assert 'it is "margn"' in said

    def test_an_encoder_that_is_not_there(self, project, encoder):
        edit(project, str(encoder), "/nowhere/encoder")
        assert "/nowhere/encoder" in tilth("fit", project=project).refused()

    def test_a_second_project_in_the_same_folder(self, project):
        assert "is there already" in tilth("init", project).refused()

    @pytest.mark.parametrize("verb", ["rond", "studio"])
    def test_a_verb_that_there_is_not(self, verb):
        assert tilth(verb).code == 2


class TestSources:
    def test_none_is_declared(self, empty):
        assert "declare one as [[source]] in tilth.toml" in tilth("crawl", project=empty).refused()

    def test_none_has_that_name(self, empty):
        declare(empty, SITE.format(start="http://127.0.0.1:9/"))
        assert 'no source "bored"; declared are: board' in tilth("crawl", "bored", project=empty).refused()

    def test_a_selector_that_is_none_is_said_with_its_line(self, project):
        before = what_must_stay(project)
        line = declare(project, SITE.format(start="http://127.0.0.1:9/").replace('"article"', '"article >"'))
        said = tilth("crawl", project=project).refused()
        assert said.startswith(f"tilth.toml:{line + 4}: ")
        assert '"article >"' in said
        assert what_must_stay(project) == before

    def test_start_pages_that_cannot_be_had(self, project, pages):
        before = what_must_stay(project)
        line = declare(project, SITE.format(start=f"{pages}/gone"))
        declare(project, SITE.format(start=f"{pages}/notes.txt").replace("board", "notes"))
        ran = tilth("crawl", project=project)
        said = ran.refused()
        assert f'tilth.toml:{line + 3}: source "board": start URL {pages}/gone' in said
        assert "404" in said
        assert f'source "notes": start URL {pages}/notes.txt is no HTML page' in said
        assert what_must_stay(project) == before

    def test_a_selector_that_matches_nothing(self, project, pages):
        line = declare(project, SITE.format(start=f"{pages}/index.html").replace('"article"', '"section.post"'))
        ran = tilth("crawl", project=project)
        assert ran.code == 0
        assert f"tilth: tilth.toml:{line + 4}: " in ran.err
        assert 'item selector "section.post" matched nothing on 1 page' in ran.err


@pytest.fixture
def pages() -> Iterator[str]:
    """A site with one page, and one that is not HTML."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {"/index.html": ("text/html", b"<article><p>hi</p></article>"), "/notes.txt": ("text/plain", b"hi")}
            kind, body = found.get(self.path, ("text/html", b"not here"))
            self.send_response(200 if self.path in found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class TestImports:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (
                b"text,label\nhi there,anger\n",
                'more.csv:2: column "label": "anger" is not a class of the schema; there are: "billing", "delivery"',
            ),
            (b"body,label\nhi there,praise\n", 'no column "text"'),
            (b"text,label\nhi\0there,praise\n", "NUL"),
            ("text,label\nna\u00efve,praise\n".encode() + "na\u00efve,praise\n".encode("latin-1"), "UTF-8"),
            (b"", "empty"),
            (b"text,label\n", "no row"),
        ],
    )
    def test_a_file_that_cannot_be_meant_is_refused_whole(self, project, tmp_path, content, said):
        before = what_must_stay(project)
        file = tmp_path / "more.csv"
        file.write_bytes(content)
        assert said.lower() in tilth("import", file, "--label", "label", project=project).refused().lower()
        assert what_must_stay(project) == before

    @pytest.mark.parametrize("name", ["nothing.csv", "letters.docx"])
    def test_a_file_that_is_not_there_or_of_another_kind(self, project, name):
        if name.endswith("docx"):
            (project / name).write_bytes(b"PK")
        assert name in tilth("import", project / name, project=project).refused()

    def test_a_full_disk(self, small_disk, encoder, tmp_path):
        project = write_project(small_disk / "project", encoder)
        done("import", write_csv(tmp_path / "letters.csv", LETTERS), project=project)
        before = what_must_stay(project)
        much = tmp_path / "much.csv"
        noise = os.urandom(8_000_000).hex()
        much.write_text("text\n" + "\n".join(noise[i : i + 2000] for i in range(0, len(noise), 2000)) + "\n")
        assert "free some room" in tilth("import", much, project=project).refused(code=1)
        assert what_must_stay(project) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can be mounted by root alone: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class TestLabels:
    @pytest.mark.parametrize(
        "line", ["audit", "fit", "snapshot", "publish --to out", "simulate"], ids=lambda line: line.split()[0]
    )
    def test_there_are_none_at_all(self, empty, tmp_path, line):
        done("import", write_csv(tmp_path / "letters.csv", LETTERS, labelled=0), project=empty)
        before = what_must_stay(empty)
        said = tilth(*line.split(), project=empty).refused()
        assert said.startswith("No record has a label yet")
        assert "import" in said
        assert what_must_stay(empty) == before

    def test_there_is_no_model_to_evaluate(self, empty):
        assert "`tilth fit` fits one" in tilth("evaluate", project=empty).refused()

    @pytest.mark.parametrize("verb", ["fit", "audit"])
    def test_there_are_fewer_than_a_fit_needs(self, empty, tmp_path, verb):
        file = write_csv(tmp_path / "letters.csv", LETTERS, labelled=2)
        done("import", file, "--label", "label", project=empty)
        before = what_must_stay(empty)
        said = tilth(verb, project=empty).refused()
        assert 'at least 4 labels of at least 2 classes; there are 2 of 2 ("billing", "delivery")' in said
        assert what_must_stay(empty) == before

    @pytest.mark.parametrize("verb", ["fit", "audit"])
    def test_all_of_them_are_of_one_class(self, empty, tmp_path, verb):
        file = write_csv(tmp_path / "letters.csv", [one for one in LETTERS if one.label == "praise"])
        done("import", file, "--label", "label", project=empty)
        assert "at least 2 classes; there are 20 of 1" in tilth(verb, project=empty).refused()

    def test_nothing_is_held_out_to_measure_with(self, project):
        done("fit", project=project)
        assert "No labelled record is held out" in tilth("evaluate", project=project).refused()

    def test_there_are_fewer_than_a_simulation_asks_for(self, project):
        said = tilth("simulate", "--size", "100", "--rounds", "7", project=project).refused()
        assert "700" in said

    @pytest.mark.parametrize("line", ["simulate --strategies margn", "push -n 3 --strategy margn"])
    def test_there_is_no_such_strategy(self, project, line):
        before = what_must_stay(project)
        assert '"margin" was perhaps meant' in tilth(*line.split(), project=project).refused()
        assert what_must_stay(project) == before

    @pytest.mark.parametrize("line", ["push -n 3", "round", "loop"])
    def test_there_is_no_record_to_ask_about(self, empty, line):
        assert "tilth crawl or tilth import" in tilth(*line.split(), project=empty).refused()
        assert not (empty / "studio").exists()

    def test_new_records_and_suspicious_ones_at_once(self, project):
        assert "push one, then the other" in tilth("push", "-n", "3", "--issues", project=project).refused()

    @pytest.mark.parametrize("line", ["push -n 0", "push -n -1", "loop --rounds 0", "simulate --seeds 0"])
    def test_a_number_that_makes_no_sense(self, project, line):
        ran = tilth(*line.split(), project=project)
        assert ran.code == 2
        assert "greater than or equal to 1" in ran.err


class TestTheStore:
    def test_it_was_made_by_a_newer_version(self, project):
        with Store(project / "tilth.duckdb") as store:
            store.connection.execute("INSERT INTO migrations VALUES (9999, $1)", [utc_now()])
        assert "was made by a newer tilth" in tilth("status", project=project).refused()

    def test_it_is_no_store(self, empty):
        (empty / "tilth.duckdb").write_bytes(b"no database at all" * 400)
        assert "cannot be opened as a tilth store" in tilth("status", project=empty).refused(code=1)

    def test_another_process_holds_it(self, project, monkeypatch):
        monkeypatch.setitem(Store.__init__.__kwdefaults__, "wait", 0.3)
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(project / "tilth.duckdb")],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            try:
                said = tilth("fit", project=project).refused(code=1)
            finally:
                holder.kill()
        assert f"is in use by process {holder.pid}" in said


class TestPublishing:
    def test_without_a_licence(self, project):
        edit(project, 'license = "CC-BY-4.0"', "")
        said = tilth("publish", "--to", project / "out", project=project).refused()
        assert 'license = "' in said
        assert not (project / "out").exists()

    def test_without_a_target(self, project):
        said = tilth("publish", project=project).refused()
        assert "--to DIR" in said
        assert "--hub USER/NAME" in said

    def test_into_a_folder_with_other_things(self, project, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("all of it")
        tilth("publish", "--to", tmp_path / "mine", project=project).refused()
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"

    @pytest.mark.parametrize(("token", "said"), [(None, "HF_TOKEN"), ("hf_reader", "write")])
    def test_without_a_token_that_may_write(self, project, hub, monkeypatch, token, said):
        monkeypatch.delenv("HF_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        assert said in tilth("publish", "--hub", "user/letters", project=project).refused()
        assert not any("/commit/" in path for _, path in hub.requests)

    def test_a_report_where_nothing_can_be_written(self, project):
        said = tilth("report", "--to", project / "tilth.toml" / "report.html", project=project).refused(code=1)
        assert said == f"{project / 'tilth.toml'}: file exists."


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with Hub(tmp_path / "hub") as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "no-token-here"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token-here"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


class TestLabelStudio:
    def test_the_port_is_in_use(self, project):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            said = tilth("studio", "up", "--port", port, project=project).refused(code=1)
        assert f"Port {port} cannot be used" in said
        assert "tilth studio up --port" in said

    def test_one_elsewhere_without_a_key(self, project, monkeypatch):
        monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
        edit(project, "[training]", '[studio]\nurl = "http://127.0.0.1:9"\n[training]')
        for line in ("pull", "push -n 2", "studio up", "round"):
            assert "LABEL_STUDIO_API_KEY is not set" in tilth(*line.split(), project=project).refused()

    def test_one_elsewhere_that_does_not_answer(self, project, monkeypatch):
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
        edit(project, "[training]", '[studio]\nurl = "http://127.0.0.1:9"\n[training]')
        said = tilth("pull", project=project).refused(code=1)
        assert "No Label Studio answers at http://127.0.0.1:9" in said

    def test_one_elsewhere_that_refuses_the_key(self, project, studio, monkeypatch):
        before = what_must_stay(project)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
        edit(project, "[training]", f'[studio]\nurl = "{studio.url}"\n[training]')
        said = tilth("push", "-n", "2", project=project).refused()
        assert "does not accept the token" in said
        assert "LABEL_STUDIO_API_KEY" in said
        assert what_must_stay(project) == before


def test_a_process_of_its_own_says_the_same(empty):
    ran = subprocess.run(
        [sys.executable, "-m", "tilth", "--project", str(empty), "fit"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "tilth: No record has a label yet. Have people label some (tilth push -n 50, then tilth pull), or bring labels "
        "in (tilth import FILE --label COLUMN)."
    ]


def test_the_classes_of_these_tests_are_as_counted_above():
    assert sum(one.label == "praise" for one in LETTERS[:40]) == 13
    assert CLASSES == ("billing", "delivery", "praise")
