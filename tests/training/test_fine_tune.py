"""What fine-tuning promises beside what every rung does: the committee, its start, its end, and its folder."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

import training
from tests.training.labelled_words import CLASSES, some_examples
from training import layered_encoder, member_fit
from training.class_weights import class_weights
from training.encoder import Encoder
from training.errors import OutOfMemory
from training.fine_tune import FineTune, Schedule
from training.fine_tuned import FineTuned, averaged
from training.layered_encoder import LayeredEncoder

TEST = some_examples(40, seed=9)
SHORT = Schedule(learning_rate=1e-3, epochs=(2, 2), batch=8)


@pytest.fixture
def fitted(encoder: Encoder) -> FineTuned:
    return FineTune(CLASSES, encoder, SHORT, view="first-word").fit(some_examples(30), seed=0)


def test_frozen_layers_read_once_give_what_the_whole_encoder_gives(encoder: Encoder) -> None:
    layered = LayeredEncoder(encoder.folder, 0.5)
    readings = layered.read(TEST.texts)
    assert layered.frozen == 1
    assert readings.states is not None
    with torch.no_grad():
        vectors = layered.pooled(readings, "sentence").numpy()
    np.testing.assert_allclose(vectors, encoder.embed(TEST.inputs()).vectors, atol=1e-5)


def test_too_many_states_to_keep_are_computed_anew_with_the_same_result(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FineTune(CLASSES, encoder, SHORT, view="sentence").fit(some_examples(30), seed=0).predict(TEST.inputs())
    monkeypatch.setattr(layered_encoder, "MOST_BYTES_KEPT", 0)
    again = FineTune(CLASSES, encoder, SHORT, view="sentence").fit(some_examples(30), seed=0).predict(TEST.inputs())
    np.testing.assert_allclose(again.probabilities, kept.probabilities, atol=1e-4)


def test_lower_layers_and_embeddings_stay_as_they_are(encoder: Encoder, fitted: FineTuned) -> None:
    before = LayeredEncoder(encoder.folder, 0.5)
    own = dict(before.model.named_parameters())
    for name, weight in fitted.encoder.model.named_parameters():
        if name not in fitted.encoder.names:
            assert torch.equal(weight, own[name]), name
    moved = fitted.members[0].weights
    assert moved
    assert all(".layer.1." in name for name in moved)
    assert any(not torch.equal(weight, own[name]) for name, weight in moved.items())


def test_each_member_says_what_it_thinks_and_the_committee_means_them(fitted: FineTuned) -> None:
    said = fitted.predict(TEST.inputs())
    assert said.members is not None
    assert said.members.shape == (3, len(TEST), 3)
    np.testing.assert_allclose(said.members.sum(axis=2), 1, atol=1e-5)
    low, high = said.members.min(axis=0), said.members.max(axis=0)
    assert ((said.probabilities > low * 0.5) & (said.probabilities < high * 2)).all()


def test_a_class_that_one_member_has_not_seen_is_judged_by_the_others() -> None:
    knows_two = np.log(np.array([[0.5, 0.5, 0.0001]]))
    knows_two[0, 2] = -np.inf
    knows_all = np.log(np.array([[0.1, 0.1, 0.8]]))
    assert averaged([knows_two, knows_all], 0.0).argmax() == 2


def test_judges_every_label_by_a_member_that_had_not_seen_it(fitted: FineTuned) -> None:
    judged = fitted.judged
    assert judged is not None
    assert sorted(judged.ids) == sorted(some_examples(30).ids)
    np.testing.assert_allclose(judged.probabilities.sum(axis=1), 1)


def test_the_recipe_tells_losses_calibration_and_the_score(fitted: FineTuned) -> None:
    recipe = fitted.recipe
    assert len(recipe["losses"]["training"]) == 2
    assert len(recipe["losses"]["validation"]) == 3
    assert recipe["losses"]["diagnosis"].endswith(".")
    assert set(recipe["calibration"]) == {"temperature", "ece_before", "ece_after"}
    assert 0 <= recipe["cross_validated"]["fine-tune"]["accuracy"] <= 1
    assert recipe["cross_validated"]["fine-tune"]["cost"] > 0


def test_the_folder_is_an_ordinary_encoder_of_hugging_face(fitted: FineTuned, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    fitted.save(tmp_path / "m")
    assert "cannot use it" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    model = AutoModel.from_pretrained(tmp_path / "m").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    # A pipeline would add a head that has learnt nothing: it may not speak in the names of the classes.
    assert not set(model.config.id2label.values()) & set(CLASSES)
    fitted.encoder.set_weights(fitted.members[0].weights)
    with torch.no_grad():
        mine = fitted.encoder.pooled(fitted.encoder.read(["apple the"]), "sentence")
        theirs = model(**tokenizer(["apple the"], return_tensors="pt")).last_hidden_state.mean(dim=1)
    np.testing.assert_allclose(torch.nn.functional.normalize(theirs, dim=1).numpy(), mine.numpy(), atol=1e-5)


def test_a_step_that_runs_out_of_memory_is_taken_in_halves_with_the_same_gradient(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flat(LayeredEncoder):
        largest = 99

        def pooled(self, readings, view):  # type: ignore[no-untyped-def]
            if len(readings) > self.largest:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
            return super().pooled(readings, view)

    monkeypatch.setattr(member_fit, "DROPOUT", 0.0)
    ended = []
    for largest in (99, 3):
        encoder_now = Flat(encoder.folder, 0.5)
        encoder_now.model.config.hidden_dropout_prob = 0.0
        for module in encoder_now.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        encoder_now.largest = largest
        examples = some_examples(12)
        head = torch.nn.Linear(32, 3)
        with torch.no_grad():
            head.weight.fill_(0.01)
            head.bias.zero_()
        task = member_fit.Task(encoder_now.read(examples.texts), examples.labels, np.ones(12))
        rng = np.random.default_rng(0)
        member_fit.fit_member(encoder_now, head, "sentence", task, None, SHORT, rng)
        ended.append(head.weight.detach().numpy().copy())
    np.testing.assert_allclose(ended[0], ended[1], atol=1e-4)


def test_scoring_that_runs_out_of_memory_goes_on_with_smaller_batches() -> None:
    tokens = [[1] * length for length in (5, 3, 9, 1, 7, 2)]
    seen: list[list[int]] = []

    def run(rows: np.ndarray) -> None:
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        seen.append(rows.tolist())

    layered_encoder.in_batches(run, tokens)
    assert sorted(row for rows in seen for row in rows) == list(range(6))
    assert max(len(rows) for rows in seen) <= 2


def test_one_text_that_does_not_fit_is_said() -> None:
    def run(_: np.ndarray) -> None:
        raise MemoryError

    with pytest.raises(OutOfMemory, match="A text of 3 tokens does not fit"):
        layered_encoder.in_batches(run, [[1, 1, 1], [2]])


def test_a_step_that_does_not_fit_with_one_text_is_said(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", full)
    with pytest.raises(OutOfMemory, match="smaller encoder"):
        FineTune(CLASSES, encoder, SHORT, view="sentence").fit(some_examples(12), seed=0)


@pytest.mark.parametrize("trouble", [training.NotFinite("The loss became NaN."), OutOfMemory("No room.", row=0)])
def test_auto_does_without_a_fine_tune_that_fails_and_says_so(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    from training import auto

    class Fails(FineTune):
        def fit(self, *_: object, **__: object):  # type: ignore[no-untyped-def]
            raise trouble

    monkeypatch.setattr(auto, "FEWEST_LABELS", 0)
    monkeypatch.setattr(auto, "LABELS_A_CLASS", 0)
    monkeypatch.setattr(auto, "GOOD_ENOUGH", 2.0)
    rung = auto.Auto(CLASSES, encoder, Fails(CLASSES, encoder))
    fitted = rung.fit(some_examples(24), seed=0)
    assert fitted.recipe["why"].endswith(f"The fine-tune was given up: {trouble}")


def test_auto_leaves_out_a_fine_tune_that_would_read_a_large_pool_for_long(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import auto

    examples, pool = some_examples(24), some_examples(200, seed=3).inputs()
    for name, value in {"FEWEST_LABELS": 0, "LABELS_A_CLASS": 0, "GOOD_ENOUGH": 2.0}.items():
        monkeypatch.setattr(auto, name, value)
    most = auto.estimated_cost(encoder, examples, None)
    assert most < auto.estimated_cost(encoder, examples, pool)
    monkeypatch.setattr(auto, "MOST_COST", {"cpu": most, "cuda": most})
    rung = auto.Auto(CLASSES, encoder, FineTune(CLASSES, encoder, SHORT))
    assert "fine-tune" in rung.fit(examples, seed=0).recipe["cross_validated"]
    assert "multiplications, more than" in rung.fit(examples, seed=0, unlabelled=pool).recipe["why"]


def test_another_error_than_memory_is_not_taken_for_it(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(LayeredEncoder, "pooled", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        FineTune(CLASSES, encoder, SHORT, view="sentence").fit(some_examples(12), seed=0)


def test_a_loss_that_is_not_a_number_is_said(encoder: Encoder) -> None:
    wild = FineTune(CLASSES, encoder, Schedule(learning_rate=float("inf"), epochs=(1, 1)))
    with pytest.raises(training.NotFinite):
        wild.fit(some_examples(12), seed=0)


def test_goes_through_all_labels_and_says_how_far_it_is(encoder: Encoder) -> None:
    told: list[tuple[int, int]] = []
    schedule = Schedule(epochs=(1, 1), batch=4)
    FineTune(CLASSES, encoder, schedule, progress=lambda *step: told.append(step)).fit(some_examples(12), seed=0)
    assert told[-1] == (6, 6)


def test_rare_classes_weigh_more_only_where_the_imbalance_is_large() -> None:
    np.testing.assert_array_equal(class_weights(np.array([0, 0, 0, 1])), np.ones(4))
    weights = class_weights(np.array([0] * 9 + [1]))
    assert weights.mean() == pytest.approx(1)
    assert weights[-1] / weights[0] == pytest.approx(3)


def test_an_epoch_counts_as_worse_only_beyond_the_noise() -> None:
    noise = np.random.default_rng(0).normal(size=50)
    assert not member_fit.clearly_more(noise, np.zeros(50))
    assert member_fit.clearly_more(noise + 2, np.zeros(50))


def test_a_blunt_member_and_a_sharp_one_are_brought_to_one_scale() -> None:
    from training.fine_tune import _bring_to_one_scale

    examples = some_examples(60)
    right = np.eye(3)[examples.labels]
    right[:6] = np.roll(right[:6], 1, axis=1)
    scaled = []
    for size in (0.5, 40.0):
        head = torch.nn.Linear(2, 3)
        divided = _bring_to_one_scale(head, right * size, examples, np.ones(60, dtype=bool))
        scaled.append(size / divided)
    assert scaled[0] == pytest.approx(scaled[1], rel=0.05)


def test_a_fit_ends_when_there_is_nothing_left_to_learn(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_fit, "NOTHING_LEFT", 99.0)
    monkeypatch.setattr(member_fit, "CLEARLY", 99.0)  # none goes back to its start
    schedule = Schedule(epochs=(5, 5))
    fitted = FineTune(CLASSES, encoder, schedule, view="sentence").fit(some_examples(24), seed=0)
    assert fitted.recipe["stopped_after"] == [1, 1, 1]
    assert len(fitted.recipe["losses"]["training"]) == 1


def test_a_text_longer_than_the_encoder_is_cut(fitted: FineTuned) -> None:
    assert len(fitted.predict(training.Inputs(np.array(["a"]), ["apple the " * 400]))) == 1


def test_weights_that_are_missing_are_said(fitted: FineTuned, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m")
    (tmp_path / "m" / "members.safetensors").unlink()
    with pytest.raises(training.ModelFolderError, match="fit it again"):
        training.load(tmp_path / "m")


def test_runs_are_kept_for_tensorboard(encoder: Encoder, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from training.tracking import Tracking

    tracking = Tracking("tensorboard", tmp_path / "runs")
    FineTune(CLASSES, encoder, SHORT, view="sentence", tracking=tracking).fit(some_examples(12), seed=0)
    assert len(list((tmp_path / "runs").glob("fine-tune-12-labels-member-*/events.out.tfevents.*"))) == 3


def test_runs_are_kept_for_mlflow_in_the_folder_alone(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("mlflow")
    from training.tracking import Tracking

    tracking = Tracking("mlflow", tmp_path / "runs")
    FineTune(CLASSES, encoder, SHORT, view="sentence", members=2, tracking=tracking).fit(some_examples(12), seed=0)
    with sqlite3.connect(tmp_path / "runs" / "mlflow.db") as kept:
        counted = kept.execute("SELECT count(*) FROM metrics WHERE key = 'eval_loss'").fetchone()
    assert counted == (4,)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert "MLFLOW_TRACKING_URI" not in os.environ
