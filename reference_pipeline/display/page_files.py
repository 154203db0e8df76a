"""What the server gives out besides WebSockets: the page's files by name, and every response's headers."""

from pathlib import Path

__all__ = ["FILES", "HEADERS", "PAGE"]

PAGE = Path(__file__).parent / "page"

_SCRIPTS = (
    "announcer",
    "app",
    "connection",
    "dom",
    "figures",
    "keyboard",
    "marks",
    "painter",
    "timing",
    "transcript",
    "turn",
    "turns",
)

FILES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/instruments.css": ("instruments.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in _SCRIPTS},
}
"""Everything that is served, by name: no path of a request ever reaches the file system."""

HEADERS = {
    # The page loads and connects to nothing but us. A script in a note could not run even as markup, and none
    # of our own code can make markup of text: there is no policy that would give it a trusted type.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    # Isolated pages have a performance.now() of 5 microseconds instead of 100.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that know no frame-ancestors
    # A page of yesterday's version must not talk to today's server.
    "Cache-Control": "no-cache",
}
"""The headers of every response."""
