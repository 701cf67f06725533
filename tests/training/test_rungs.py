"""What every rung of the ladder promises, and what is each rung's own."""

import json
from pathlib import Path

import numpy as np
import pytest

import training
from store.errors import RequestError
from tests.training.labelled_words import CLASSES, WORDS, some_examples
from training.encoder import Encoder
from training.errors import ExamplesError, ModelFolderError, TooFewLabels
from training.examples import Examples, Inputs
from training.fine_tune import FineTune, Schedule
from training.ladder import Classifier, FittedModel
from training.probe import Probe

TEST = some_examples(40, seed=9)


class RungContract:
    """A subclass says how its rung is made; `rung` has one class more than there are labels for."""

    classes = (*CLASSES, "never labelled")

    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        raise AssertionError("a subclass says which rung it is")

    @pytest.fixture(scope="class")
    @classmethod
    def shared_encoder(cls, encoder_folder: Path) -> Encoder:
        return Encoder(str(encoder_folder))

    @pytest.fixture(scope="class")
    @classmethod
    def rung(cls, shared_encoder: Encoder) -> Classifier:
        return cls.make(shared_encoder)

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, rung: Classifier) -> FittedModel:
        return rung.fit(some_examples(60), seed=3)

    def test_learns_what_the_labels_say(self, fitted: FittedModel) -> None:
        said = fitted.predict(TEST.inputs()).probabilities.argmax(axis=1)
        assert (said == TEST.labels).mean() > 0.8

    def test_gives_every_class_of_the_schema_a_probability(self, fitted: FittedModel) -> None:
        probabilities = fitted.predict(TEST.inputs()).probabilities
        assert fitted.classes == self.classes
        assert probabilities.shape == (len(TEST), 4)
        assert (probabilities > 0).all()

    def test_gives_vectors_of_length_one(self, fitted: FittedModel) -> None:
        embeddings = fitted.predict(TEST.inputs()).embeddings
        assert embeddings is not None
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)

    def test_an_id_gets_the_same_answer_in_whatever_order_it_comes(self, rung: Classifier, fitted: FittedModel) -> None:
        inputs = TEST.inputs()
        order = np.random.default_rng(0).permutation(len(inputs))
        shuffled = Inputs(inputs.ids[order], [inputs.texts[row] for row in order])
        straight, again = fitted.predict(inputs), fitted.predict(shuffled).of(inputs.ids)
        np.testing.assert_allclose(again.probabilities, straight.probabilities, atol=1e-6)
        np.testing.assert_allclose(again.embeddings, straight.embeddings, atol=1e-5)

    def test_the_same_seed_gives_the_same_model(self, rung: Classifier, fitted: FittedModel) -> None:
        again = rung.fit(some_examples(60), seed=3)
        np.testing.assert_allclose(
            again.predict(TEST.inputs()).probabilities, fitted.predict(TEST.inputs()).probabilities, atol=1e-5
        )
        assert again.recipe == fitted.recipe

    def test_a_saved_model_predicts_as_before(self, fitted: FittedModel, tmp_path: Path) -> None:
        fitted.save(tmp_path / "m")
        loaded = training.load(tmp_path / "m")
        before, after = fitted.predict(TEST.inputs()), loaded.predict(TEST.inputs())
        np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-6)
        np.testing.assert_allclose(after.embeddings, before.embeddings, atol=1e-6)
        assert loaded.recipe == fitted.recipe
        assert loaded.classes == fitted.classes

    def test_saving_over_an_older_model_leaves_only_the_new(self, fitted: FittedModel, tmp_path: Path) -> None:
        (tmp_path / ".m.new.partial").mkdir()
        for _ in range(2):
            fitted.save(tmp_path / "m")
        assert [path.name for path in tmp_path.iterdir()] == ["m"]

    def test_the_card_tells_data_seed_and_temperature(self, fitted: FittedModel, tmp_path: Path) -> None:
        from huggingface_hub import ModelCard

        metrics = training.evaluate(fitted.predict(TEST.inputs()), TEST.labels, self.classes, resamples=50)
        facts = training.CardFacts(license="CC-BY-4.0", language="en", snapshot="5eed" * 8, metrics=metrics)
        fitted.save(tmp_path / "m", facts)
        card = ModelCard.load(tmp_path / "m" / "README.md")
        assert (card.data.license, card.data.language) == ("cc-by-4.0", "en")
        assert card.data.pipeline_tag == "text-classification"
        assert {result.metric_type for result in card.data.eval_results} == {"accuracy", "f1", "roc_auc"}
        made = json.loads(card.text.split("```json\n")[1].split("```")[0])
        assert made["data_snapshot"] == "5eed" * 8
        assert (made["seed"], made["temperature"]) == (3, fitted.temperature)
        assert made["encoder"] == "tiny"  # and no path of this machine

    def test_no_input_gives_no_prediction(self, fitted: FittedModel) -> None:
        nothing = fitted.predict(Inputs(np.array([], dtype=str), []))
        assert nothing.probabilities.shape == (0, 4)

    def test_an_empty_text_is_predicted(self, fitted: FittedModel) -> None:
        assert len(fitted.predict(Inputs(np.array(["a", "b"]), ["", "apple " * 500]))) == 2

    def test_one_class_is_too_few(self, rung: Classifier) -> None:
        one = Examples(np.array(list("abcde")), ["apple"] * 5, np.zeros(5, dtype=np.int64))
        with pytest.raises(TooFewLabels, match=r'there are 5 of 1 \("fruit"\)') as caught:
            rung.fit(one, seed=0)
        assert caught.value.exit_code == 2

    def test_no_label_is_too_few(self, rung: Classifier) -> None:
        with pytest.raises(TooFewLabels, match="there are 0"):
            rung.fit(some_examples(0), seed=0)

    def test_a_label_outside_the_classes_is_refused(self, rung: Classifier) -> None:
        wrong = Examples(np.array(list("abcde")), ["apple"] * 5, np.array([0, 1, 2, 3, 4]))
        with pytest.raises(ExamplesError, match="index 4"):
            rung.fit(wrong, seed=0)

    def test_fits_on_the_fewest_labels_and_a_class_with_one(self, rung: Classifier) -> None:
        few = Examples(np.array(list("abcd")), ["apple", "pear", "plum", "iron"], np.array([0, 0, 0, 1]))
        assert np.isfinite(rung.fit(few, seed=0).predict(TEST.inputs()).probabilities).all()

    def test_leaves_the_global_random_states_alone(self, rung: Classifier) -> None:
        import random

        import torch

        torch.manual_seed(1)
        random.seed(1)
        before = (torch.random.get_rng_state().sum(), random.getstate())
        rung.fit(some_examples(9), seed=0)
        assert (torch.random.get_rng_state().sum(), random.getstate()) == before

    def test_out_of_fold_probabilities_are_of_models_that_had_not_seen_the_group(self, rung: Classifier) -> None:
        # Twelve texts of four copies each, their classes drawn by lot: who has seen a copy knows, the others cannot.
        lots = np.random.default_rng(0).permutation(np.arange(12) % 3)
        words = [word for some in WORDS.values() for word in some][:12]
        copies = Examples(
            ids=np.array([f"c{row}" for row in range(48)]),
            texts=[word for word in words for _ in range(4)],
            labels=np.repeat(lots, 4),
            groups=np.repeat([f"g{group}" for group in range(12)], 4),
        )
        told = rung.fit(copies, seed=0).judged
        assert told is not None
        assert list(told.ids) == list(copies.ids)
        assert told.probabilities.shape == (48, 4)
        assert (told.probabilities.argmax(axis=1) == copies.labels).mean() < 0.6


class TestProbe(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return Probe(cls.classes, encoder)

    def test_refuses_an_encoder_with_other_weights(self, fitted: FittedModel, tmp_path: Path) -> None:
        fitted.save(tmp_path / "m")
        told = json.loads((tmp_path / "m" / "tilth.json").read_text())
        told["recipe"]["encoder_revision"] = "0" * 64
        (tmp_path / "m" / "tilth.json").write_text(json.dumps(told))
        with pytest.raises(ModelFolderError, match="another revision"):
            training.load(tmp_path / "m")

    def test_two_classes_give_the_probabilities_of_scikit_learn(self, encoder: Encoder) -> None:
        from sklearn.linear_model import LogisticRegression

        from training.calibration import log_softmax
        from training.probe import fit_head

        examples = some_examples(20, classes=2)
        vectors = encoder.embed(examples.inputs()).vectors
        theirs = LogisticRegression(C=20.0, max_iter=500).fit(vectors.astype(float), examples.labels)
        ours = np.exp(log_softmax(fit_head(vectors, examples.labels, 20.0).logits(vectors)))
        np.testing.assert_allclose(ours, theirs.predict_proba(vectors.astype(float)), atol=1e-6)


class TestFineTune(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return FineTune(cls.classes, encoder, Schedule(learning_rate=1e-3, epochs=(2, 6), examples_seen=250))


class TestLora(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        schedule = Schedule(learning_rate=3e-3, epochs=(2, 6), examples_seen=250)
        return FineTune(cls.classes, encoder, schedule, adapt="lora")


def test_a_rung_is_called_by_its_name(encoder: Encoder) -> None:
    for name in training.RUNGS:
        assert training.classifier(name, CLASSES, encoder).name == name
    with pytest.raises(RequestError, match='"prob" is not known'):
        training.classifier("prob", CLASSES, encoder)


@pytest.mark.parametrize("content", [None, "{", '{"classes": ["a"]}', '{"classes": [], "recipe": {"model": "x"}}'])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tilth.json").write_text(content)
    with pytest.raises(ModelFolderError):
        training.load(tmp_path)
