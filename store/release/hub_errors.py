"""What the Hub's refusals and silences mean for the person who publishes."""

from collections.abc import Iterator
from contextlib import contextmanager

from store.errors import RequestError, TilthError


class HubTokenMissing(RequestError):
    """There is no token in the environment."""


class HubTokenRefused(RequestError):
    """The Hub does not let this token write there."""


class HubNameWrong(RequestError):
    """What was given is not the name of a dataset on the Hub."""


class HubUnreachable(TilthError):
    """The Hub did not answer, or broke off."""


class HubRefused(TilthError):
    """The Hub did not accept what was sent."""


def check_name(repo_id: str) -> None:
    """Raise `HubNameWrong` unless `repo_id` can name a dataset on the Hub."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise HubNameWrong(f'"{repo_id}" cannot name a dataset on the Hub; write it as "user/name".') from error
    if repo_id.count("/") != 1:
        raise HubNameWrong(f'"{repo_id}" does not say whose dataset it is; write it as "user/{repo_id}".')


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status that an error, or one that caused it, carries."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None:
            return int(status)
        error = error.__cause__
    return None


@contextmanager
def clear_about_the_hub(repo_id: str, endpoint: str) -> Iterator[None]:
    """Turn what `huggingface_hub` raises inside the block into one of this module's errors."""
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubUnreachable("HF_HUB_OFFLINE is set, so the Hub is not asked; unset it to publish.") from error
    # An upload that failed is a RuntimeError with the Hub's answer as its cause; a card it does not take, a ValueError.
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        raise _meaning(error, repo_id, endpoint) from error


def _meaning(error: Exception, repo_id: str, endpoint: str) -> TilthError:
    status = status_of(error)
    if status in (401, 403, 404):
        return HubTokenRefused(
            f"{endpoint} does not let this token write to {repo_id} (status {status}). Set HF_TOKEN to one with write "
            "rights to it, from https://huggingface.co/settings/tokens, and look whether the name is right."
        )
    if (status is None and not isinstance(error, ValueError)) or status in (408, 429) or (status or 0) >= 500:
        found = f"status {status}" if status else _first_line(error)
        return HubUnreachable(
            f"{endpoint} did not take the release of {repo_id} ({found}). Look whether it can be reached, and run the "
            "same command again: what has arrived is not sent twice."
        )
    return HubRefused(f"{endpoint} did not accept the release of {repo_id}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    told: BaseException = error
    while isinstance(told, RuntimeError) and told.__cause__ is not None:
        told = told.__cause__
    # The library's messages begin with an empty line or two.
    lines = [line.strip() for line in str(told).splitlines() if line.strip()]
    return " ".join(lines)[:300] or type(told).__name__
