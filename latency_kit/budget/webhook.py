"""Notices to a URL: one POST of JSON each, tried again where that may help. Threads live in `alerting`."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from latency_kit.budget.notices import AlertNotice
from latency_kit.errors import UsageError

__all__ = ["Webhook"]

_WORTH_A_RETRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be others the next time (RFC 9110, section 15; RFC 6585 for 429, RFC 8470 for 425)."""

_FIRST_PAUSE_S: Final = 0.5
"""Doubled before every further try."""


class Webhook:
    """An alert sink that posts each notice as a JSON object (`AlertNotice.as_data`) to a URL.

    * A call takes at most `attempts` times `timeout_s` and the pauses between, and raises what the last try
      raised: `Alerts` calls it in a thread of its own and counts that.
    * What the receiver refuses for good (400, 404 and their like) is not tried again.
    * Every try of a notice has the same `Idempotency-Key`, by which a receiver knows it again.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 5.0,
        attempts: int = 3,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Check where notices go.

        Args:
            url: An http or https address.
            headers: More headers of every request, such as an authorization.
            timeout_s: For one try, in seconds.
            attempts: Tries in all.
            pause: Waits for some seconds between two tries.

        Raises:
            UsageError: The URL is no http address, or a number is out of range.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f'a webhook needs a URL such as "https://example.org/alerts", got {url!r}')
        if not timeout_s > 0:
            raise UsageError(f"timeout_s must be greater than 0 seconds, got {timeout_s!r}")
        if attempts < 1:
            raise UsageError(f"attempts must be at least 1, got {attempts!r}")
        self._url = url
        self._headers = {**(headers or {}), "Content-Type": "application/json"}
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._pause = pause

    def __call__(self, notice: AlertNotice) -> None:
        """Post a notice.

        Raises:
            OSError: The receiver could not be reached, or did not take the notice.
        """
        body = json.dumps(notice.as_data(), ensure_ascii=False).encode()
        key = f"{notice.key}/{notice.kind}/{notice.at_unix_nano}"
        headers = {
            **self._headers,
            "Idempotency-Key": key.encode("ascii", "backslashreplace").decode("ascii"),
        }
        for attempt in range(self._attempts):
            if attempt:
                self._pause(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                self._post(body, headers)
            except OSError as error:
                is_final = isinstance(error, urllib.error.HTTPError) and error.code not in _WORTH_A_RETRY
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                if is_final or attempt == self._attempts - 1:
                    raise
            else:
                return

    def _post(self, body: bytes, headers: Mapping[str, str]) -> None:
        request = urllib.request.Request(self._url, data=body, headers=dict(headers), method="POST")  # noqa: S310  # http and https only, as checked
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310  # the same
            answer.read(1024)
