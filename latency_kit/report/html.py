"""The report as one HTML file that needs nothing else: no network, no script. The one door to jinja2.

The page lives in `page/`; what it says is composed in `content`, what it shows drawn in `figures`.
"""

from importlib.resources import files

from latency_kit.baseline import Comparison, StoredSession
from latency_kit.errors import MissingExtraError
from latency_kit.report.content import compose
from latency_kit.report.figures import report_figures
from latency_kit.session import Session

try:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as error:
    raise MissingExtraError("jinja2", "report") from error

__all__ = ["render_html"]

_PAGE = "report.html.j2"
_STYLE = "report.css"


def render_html(
    session: Session,
    *,
    comparison: Comparison | None = None,
    baseline: StoredSession | None = None,
    baseline_name: str = "the baseline",
) -> str:
    """Return the report of `session` as a self-contained HTML page.

    Everything that comes from the session is text in it, whatever it holds.

    Args:
        session: The finished run.
        comparison: The run compared with a baseline.
        baseline: The baseline, whose curves are laid over.
        baseline_name: What the baseline is called.
    """
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["attributes_of"] = _attributes_of
    return environment.get_template(_PAGE).render(
        content=compose(session, comparison=comparison, baseline=baseline_name),
        figures=report_figures(session, baseline=baseline),
        # Drawings and style are ours; matplotlib escapes the text in a drawing.
        drawn=Markup,  # as said
        style=Markup(_text(_STYLE)),  # noqa: S704  # as said
    )


def _attributes_of(row: object, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in names)


def _text(name: str) -> str:
    return files("latency_kit.report").joinpath("page", name).read_text(encoding="utf-8")
