"""The troubles between tilth and Label Studio, one class for each that a caller can act on."""

from store.errors import RequestError, TilthError


class StudioUnreachable(TilthError):
    """Nothing answers at Label Studio's address, or not in time."""


class StudioRefused(RequestError):
    """Label Studio does not accept the token."""


class StudioFailed(TilthError):
    """Label Studio answered with something that cannot be worked with; the message carries its words."""


class StudioStartFailed(TilthError):
    """The embedded Label Studio did not come up."""


class PortInUse(TilthError):
    """Another program has the port that the embedded Label Studio is to listen on."""


class ProjectGone(RequestError):
    """The project is no longer in Label Studio."""


class ConfigEdited(RequestError):
    """The project's labeling configuration was edited by hand and no longer asks what the schema asks."""


class PushRunning(TilthError):
    """Another process is sending records from the same store."""


class PredictionError(RequestError):
    """A prediction that was to be shown does not fit the schema."""
