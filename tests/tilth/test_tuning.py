"""`tilth tune` on a project: what it finds is what the next fit uses, until it is forgotten."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from active_learning.rung_now import rung_now
from crawlers.files import import_file
from store.database import Store
from store.models import current_model
from tests.tiny_project import letters, write_csv, write_encoder, write_project
from tilth.learning import fit_project
from tilth.people import learning_settings
from tilth.project import Project
from tilth.tuning import NothingToTune, tune_project
from training.auto import Auto
from training.encoder import Encoder
from training.fine_tune import FineTune
from training.tuning import Tuned

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


def made(folder: Path, encoder: Path, model: str, training: str = "") -> Project:
    project = Project(write_project(folder / "p", encoder, model=model, training=training))
    file = write_csv(folder / "letters.csv", letters(60), labelled=40)
    with Store(project.folder / "tilth.duckdb") as store:
        import_file(store, file, project.schema, label_column="label", split_column="split")
    return project


def fitted(project: Project) -> dict:
    list(fit_project(project, say=lambda _: None))
    with project.open_store() as store:
        model = current_model(store)
    assert model is not None
    return {"id": model.model_id, **model.recipe}


def test_what_was_tuned_is_fitted_until_it_is_forgotten(encoder: Path, tmp_path: Path) -> None:
    project = made(tmp_path, encoder, "probe")
    plain = fitted(project)
    (line,) = tune_project(project, None, trials=3, forget=False)
    assert "3 trials on 40 labels" in line
    found = project.folder / "models" / "tuning" / "probe.json"
    told = json.loads(found.read_text())
    told["settings"] = {"view": "middle", "logistic": 7.25}
    found.write_text(json.dumps(told))
    tuned = fitted(project)
    assert (tuned["view"], tuned["heads"]) == ("middle", {"logistic": 7.25})
    assert tuned["id"] != plain["id"]
    assert list(tune_project(project, None, trials=3, forget=True)) == ["What was found for probe is forgotten."]
    assert fitted(project)["id"] == plain["id"]


def test_auto_is_refused_with_what_to_do(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToTune, match="tilth tune --model fine-tune"):
        list(tune_project(made(tmp_path, encoder, "auto"), None, trials=1, forget=False))


def test_auto_fine_tunes_as_was_tuned(encoder: Path, tmp_path: Path) -> None:
    project = made(tmp_path, encoder, "auto")
    folder = project.folder / "models" / "tuning"
    folder.mkdir(parents=True)
    key = Encoder(str(encoder)).key
    told = Tuned("fine-tune", key, {"view": "middle", "learning_rate": 2e-4}, 0.1, 0.2, 5, 40)
    (folder / "fine-tune.json").write_text(json.dumps(asdict(told)))
    with project.open_store() as store:
        now = rung_now(store, project.folder, learning_settings(project), key, "a snapshot")
        rung = now.classifier(project.schema.classes, str(encoder), store)
    assert isinstance(rung, Auto) and isinstance(rung.fine_tune, FineTune)
    assert (rung.fine_tune.view, rung.fine_tune.schedule.learning_rate) == ("middle", 2e-4)
