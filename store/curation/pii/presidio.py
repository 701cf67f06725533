"""Names of people and places by Presidio, with a spaCy model: for projects that have both installed."""

from collections.abc import Callable
from pathlib import Path

from store.curation.pii.spans import Span
from store.errors import RequestError

KINDS = {"PERSON": "person", "LOCATION": "place"}


class PresidioMissing(RequestError):
    """Presidio, or the model that it is to use, is not installed."""


def name_finder(model: str, language: str) -> Callable[[str], list[Span]]:
    """A function from a text to the names of people and places in it.

    Args:
        model: An installed spaCy model that marks entities, such as `en_core_web_lg`, or the folder of one.
        language: The model's, ISO 639-1.

    Raises:
        PresidioMissing: With what to install.
    """
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NlpEngineProvider
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError as error:
        raise PresidioMissing(
            '[curation] pii = "presidio" needs Presidio; install the extra: '
            "pip install -e '.[presidio]' in tilth's folder."
        ) from error
    # Presidio would fetch a model that is missing, without asking.
    if not (spacy.util.is_package(model) or Path(model).exists()):
        raise PresidioMissing(
            f'[curation] presidio_model: the spaCy model "{model}" is not installed: python -m spacy download {model}'
        )
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": model}]}
    registry = RecognizerRegistry(supported_languages=[language])
    registry.add_recognizer(SpacyRecognizer(supported_language=language, supported_entities=list(KINDS)))
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=NlpEngineProvider(nlp_configuration=models).create_engine(),
        supported_languages=[language],
    )

    def find(text: str) -> list[Span]:
        found = engine.analyze(text, language=language, entities=list(KINDS))
        return [Span(one.start, one.end, KINDS[one.entity_type], KINDS[one.entity_type], one.score) for one in found]

    return find
