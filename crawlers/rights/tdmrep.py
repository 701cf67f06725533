"""The TDM file of a host, `/.well-known/tdmrep.json`: which of its paths are reserved from text and data mining.

W3C TDM Reservation Protocol Community Group, "TDM Reservation Protocol (TDMRep)", section "TDM File on the Origin
Server". The first rule whose location matches holds; what is said in a header or on the page itself supersedes it
(section "Processing priority").
"""

import json
from dataclasses import dataclass

from crawlers.rights.path_pattern import matches, path_of
from crawlers.rights.words import Item, absolute, item

PATH = "/.well-known/tdmrep.json"


@dataclass(frozen=True)
class TdmRule:
    """A rule of the file."""

    location: str
    reservation: str
    policy: str | None


@dataclass(frozen=True)
class TdmFile:
    """The rules, in the order of the file."""

    rules: tuple[TdmRule, ...]

    @classmethod
    def parse(cls, body: bytes) -> "TdmFile | None":
        """The file, or None where the body is no TDM file, which is as if there were none.

        A single rule outside an array is read as an array of one: sites do write that, and it is plain what they mean.
        A rule without a location or with another reservation than 0 or 1 is a protocol error and says nothing.
        """
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return None
        told = [told] if isinstance(told, dict) else told
        if not isinstance(told, list):
            return None
        return cls(tuple(rule for one in told if (rule := _rule(one)) is not None))

    def for_url(self, url: str) -> list[Item]:
        """What the file says of the URL, as evidence; nothing where no rule matches."""
        path = path_of(url)
        for rule in self.rules:
            if matches(rule.location, path):
                said = [item("tdm-reservation", rule.reservation, "tdmrep.json")]
                if rule.policy and rule.reservation == "1":
                    said.append(item("tdm-policy", absolute(rule.policy, url), "tdmrep.json"))
                return said
        return []


def _rule(told: object) -> TdmRule | None:
    if not isinstance(told, dict):
        return None
    location, reservation, policy = (told.get(key) for key in ("location", "tdm-reservation", "tdm-policy"))
    if not isinstance(location, str) or not location.strip():
        return None
    if isinstance(reservation, bool) or not isinstance(reservation, int | str):
        return None
    if str(reservation).strip() not in ("0", "1"):
        return None
    location = location.strip()
    rooted = location if location.startswith(("/", "*")) else f"/{location}"
    return TdmRule(rooted, str(reservation).strip(), policy if isinstance(policy, str) else None)
