"""Who may reach the page: this machine by its own names, and from elsewhere only with a token."""

import pytest

from reference_pipeline.display.access import Access, is_loopback
from reference_pipeline.ports import PipelineError

TOKEN = "a-token-of-enough-length"  # noqa: S105  # opens nothing but this test
ANYWHERE = "0.0.0.0"  # noqa: S104  # nothing listens here


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_loopback_is_known_by_address_and_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [ANYWHERE, "::", "192.168.1.4", "example.org", ""])
def test_wider_than_loopback_needs_a_token(host: str) -> None:
    with pytest.raises(PipelineError, match=r"needs a token"):
        Access(host)
    assert Access(host, token=TOKEN).token == TOKEN


def test_a_short_token_is_refused() -> None:
    with pytest.raises(PipelineError, match="the token has 5 characters; give at least 16"):
        Access(ANYWHERE, token=TOKEN[:5])


@pytest.mark.parametrize("named", ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765", "127.0.0.1"])
def test_on_loopback_requests_may_name_this_machine(named: str) -> None:
    assert Access("127.0.0.1").host_allowed(named)


@pytest.mark.parametrize(
    "named", [None, "", "evil.example:8765", "192.168.1.4:8765", "[", "localhost.evil.example"]
)
def test_on_loopback_no_other_name_is_answered_to(named: str | None) -> None:
    assert not Access("127.0.0.1").host_allowed(named)


def test_opened_wider_addresses_are_answered_to_but_no_strangers_name() -> None:
    access = Access(ANYWHERE, token=TOKEN)
    assert access.host_allowed("192.168.1.4:8765")
    assert access.host_allowed("localhost:8765")
    assert not access.host_allowed("evil.example:8765")
    assert Access("desk.lan", token=TOKEN).host_allowed("desk.lan:8765")


def test_a_websocket_comes_from_our_own_page_or_from_no_page_at_all() -> None:
    access = Access("127.0.0.1")
    assert access.origin_allowed(None, "127.0.0.1:8765")
    assert access.origin_allowed("http://127.0.0.1:8765", "127.0.0.1:8765")
    assert not access.origin_allowed("http://evil.example", "127.0.0.1:8765")
    assert not access.origin_allowed("http://127.0.0.1:9999", "127.0.0.1:8765")
    assert not access.origin_allowed("null", "127.0.0.1:8765")
    assert not access.origin_allowed("http://[", "127.0.0.1:8765")
    assert not access.origin_allowed("null", None)


def test_a_token_is_compared_whole_and_only_where_there_is_one() -> None:
    open_access, closed = Access("127.0.0.1"), Access(ANYWHERE, token=TOKEN)
    assert open_access.token_allowed(None)
    assert closed.token_allowed(TOKEN)
    assert not closed.token_allowed(None)
    assert not closed.token_allowed(TOKEN[:-1])
    assert not closed.token_allowed("\u00e9" * 20)
