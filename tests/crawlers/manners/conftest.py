"""Sites for the tests of manners."""

from collections.abc import Iterator

import pytest

from tests.crawlers.manners.made_site import Site, sites


@pytest.fixture
def site() -> Iterator[Site]:
    with sites("one") as made:
        yield made["one"]


@pytest.fixture
def other_site() -> Iterator[Site]:
    with sites("other") as made:
        yield made["other"]
