"""Who may reach the page and its WebSocket. Pure decisions; the web application asks.

On loopback a request must name this machine, which keeps out pages of other sites that point their own name
at 127.0.0.1 (DNS rebinding), and a WebSocket must come from our own page. Opened wider, viewers must also
bring a token.
"""

import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

from reference_pipeline.ports import PipelineError

__all__ = ["Access", "is_loopback"]

_TOKEN_LENGTH = 16


def is_loopback(host: str) -> bool:
    """Return whether listening on `host` is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """The rules for one server.

    * On loopback no token is needed unless one is given; elsewhere construction fails without one.
    * A request is answered only where its Host header names loopback, the host listened on, or an address
      given as a number (a name that an attacker owns cannot be one).
    * A WebSocket with an Origin header must have been opened by a page of this very server.
    """

    def __init__(self, host: str, *, token: str | None = None) -> None:
        """Set the rules for listening on `host`.

        Raises:
            PipelineError: `host` is wider than loopback and there is no token, or the token is short.
        """
        if token is None and not is_loopback(host):
            raise PipelineError(
                f"showing the page on {host} lets other machines in and needs a token; "
                f"give one, such as {secrets.token_urlsafe(_TOKEN_LENGTH)}, or stay on 127.0.0.1"
            )
        if token is not None and len(token) < _TOKEN_LENGTH:
            raise PipelineError(f"the token has {len(token)} characters; give at least {_TOKEN_LENGTH}")
        self._host = host.lower()
        self._token = token

    def host_allowed(self, host_header: str | None) -> bool:
        """Return whether a request that names `host_header` (host, or host:port) is meant for us."""
        named = _name_of(f"//{host_header}") if host_header else None
        if named is None:
            return False
        if named in {"localhost", self._host}:
            return True
        try:
            address = ipaddress.ip_address(named)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self._host)

    def origin_allowed(self, origin: str | None, host_header: str | None) -> bool:
        """Return whether a page of `origin` may open a WebSocket; programs that are no pages send none."""
        if origin is None:
            return True
        # Compared as text: a browser writes both from the address of one page.
        return host_header is not None and origin.partition("//")[2].lower() == host_header.lower()

    def token_allowed(self, token: str | None) -> bool:
        """Return whether a viewer has the token, where one is needed."""
        if self._token is None:
            return True
        return hmac.compare_digest((token or "").encode(), self._token.encode())

    @property
    def token(self) -> str | None:
        """The token that viewers must bring; None where none is needed."""
        return self._token


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
