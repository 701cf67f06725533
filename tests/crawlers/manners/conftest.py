"""Sites for the tests of manners."""

from collections.abc import Iterator

import pytest

from tests.crawlers.manners.made_site import Site, make_site


@pytest.fixture
def site() -> Iterator[Site]:
    made, server = make_site()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_site() -> Iterator[Site]:
    made, server = make_site()
    yield made
    server.shutdown()
    server.server_close()
