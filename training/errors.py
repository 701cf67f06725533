"""What can go wrong between labels and a model, one class for each kind of trouble."""

from store.errors import RequestError, TilthError


class FitError(TilthError):
    """A model could not be fitted, or what it says cannot be used."""


class TooFewLabels(FitError, RequestError):
    """There are fewer labels, or fewer classes among them, than a fit needs; the message says how many there are."""


class ExamplesError(FitError, RequestError):
    """Arrays that should speak of the same records do not: lengths differ, ids repeat, a label is no class."""


class EncoderError(FitError, RequestError):
    """An encoder cannot be used: it is not found, cannot be reached, has no weights, or is not made for texts."""


class NotFinite(FitError):
    """A model gave NaN or infinity where numbers are needed."""


class OutOfMemory(FitError):
    """A text does not fit in memory even alone; `row` is its place among those that were asked for."""

    def __init__(self, message: str, *, row: int) -> None:
        super().__init__(message)
        self.row = row


class OnnxUnusable(FitError):
    """ONNX Runtime cannot take PyTorch's place; the message says why, in the middle of a sentence."""


class ModelFolderError(FitError, RequestError):
    """A folder does not hold a model that `training.load` can read."""
