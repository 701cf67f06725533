"""What a scheduler asks about hosts, and the answers where nobody keeps manners."""

from typing import Protocol


class Hosts(Protocol):
    """Says when a host may be asked."""

    def may_start(self, host: str, in_hand: int = 0) -> bool:
        """Whether it may be asked now."""
        ...

    def ready_at(self, host: str) -> float:
        """When it may, in epoch seconds."""
        ...

    def closed(self, host: str) -> str | None:
        """Why this crawl does not wait for it; None where it does."""
        ...

    def closed_hosts(self) -> dict[str, str]:
        """All of these, with the reason."""
        ...

    def why_waiting(self, host: str) -> str | None:
        """Why a request would wait now; None where it need not."""
        ...


class EveryHost:
    """Where nobody says otherwise, every host may be asked at any time."""

    def may_start(self, host: str, in_hand: int = 0) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def ready_at(self, host: str) -> float:  # noqa: ARG002
        """At once."""
        return 0.0

    def closed(self, host: str) -> str | None:  # noqa: ARG002
        """Never."""
        return None

    def closed_hosts(self) -> dict[str, str]:
        """None."""
        return {}

    def why_waiting(self, host: str) -> str | None:  # noqa: ARG002
        """It need not."""
        return None
