"""What pytest calls: options, marker, fixtures, the end of a run. The only module here that knows pytest.

It is imported whenever pytest starts where latency-kit is installed; the rest is imported when a test asks.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import TestCase

from latency_kit.errors import LatencyKitError, MissingExtraError, PolicyError, UsageError

try:
    import pytest
except ImportError as missing:
    raise MissingExtraError("pytest", "pytest") from missing

if TYPE_CHECKING:
    from latency_kit.pytest_plugin.latency_run import LatencyRun
    from latency_kit.pytest_plugin.measuring import Latency
    from latency_kit.pytest_plugin.timing import Timing

__all__ = [
    "latency",
    "latency_timing",
    "pytest_addoption",
    "pytest_configure",
    "pytest_itemcollected",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

_MARKER = "latency"
_HANDED_OVER = "latency_kit"
"""Key of the results in what a worker of xdist hands to the controller."""

_OPTIONS = ("--latency-json", "--latency-save", "--latency-compare")

_run: "pytest.StashKey[LatencyRun]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings."""
    group = parser.getgroup("latency", "latency of what the tests measure (latency-kit)")
    group.addoption(
        "--latency-json", metavar="FILE", help="Write every measurement and verdict to FILE, as JSON."
    )
    group.addoption(
        "--latency-save", metavar="NAME", help="Keep the measurements as baseline NAME, replacing the last."
    )
    group.addoption(
        "--latency-compare",
        metavar="NAME",
        help="Compare with baseline NAME (or a session file); a regression makes the run fail.",
    )
    group.addoption(
        "--latency-allow-different",
        action="store_true",
        help="Compare also with a baseline of another processor, Python or operating system.",
    )
    parser.addini("latency_policy", "The policy file with the budgets that tests name.", default="")
    parser.addini("latency_folder", "The folder of the baselines.", default="")
    parser.addini("latency_tolerance", "How much slower, as a share, is no regression yet.", default="")
    parser.addini(
        "latency_packages",
        "Packages whose versions a saved run names; by default the project's own and its dependencies'.",
        type="args",
        default=[],
    )
    parser.addini(
        "latency_undecided",
        "What a budget does that the samples cannot decide: fail (the default) or pass.",
        default="fail",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(budget_ms, budget, percentile, samples, max_samples, warmup, rate, confidence, "
        "first_item_budget_ms, first_item_budget): measure the test, or what it gives to the fixture "
        "'latency', and hold a percentile to a budget.",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse a baseline that is not there before an hour of measuring, where one is asked for."""
    config = session.config
    if any(config.getoption(option) for option in _OPTIONS):
        try:
            _run_of(config)
        except LatencyKitError as error:
            raise pytest.UsageError(f"latency-kit: {error}") from error


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a marked test that does not ask for the fixture have it: its own body is measured then."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker(_MARKER) is None:
        return
    if "latency" not in item.fixturenames:
        item.fixturenames.append("latency")


@pytest.fixture
def latency_timing() -> "Timing":
    """The clock by which `latency` measures; override it to test with a fake one."""
    from latency_kit.pytest_plugin.timing import SYSTEM_TIMING  # noqa: PLC0415  # see the module's docstring

    return SYSTEM_TIMING


@pytest.fixture
def latency(request: pytest.FixtureRequest, latency_timing: "Timing") -> "Latency":
    """Measures what it is called with, as the marker `latency` asks, and holds it to its budget."""
    from latency_kit.pytest_plugin.measuring import Latency  # noqa: PLC0415  # see the module's docstring
    from latency_kit.pytest_plugin.plan import plan_of  # noqa: PLC0415  # as above

    item = request.node
    if isinstance(item.cls, type) and issubclass(item.cls, TestCase):
        _fail("unittest's test methods cannot be measured; write the test as a function")
    keywords: dict[str, Any] = {}
    # The nearest marker comes first, and has the last word.
    for marker in reversed(list(item.iter_markers(_MARKER))):
        if marker.args:
            _fail(f"the marker latency takes keywords only, got {marker.args!r}; write budget_ms=...")
        _without_replaced(keywords, marker.kwargs)
    with _failures_in_a_line(UsageError, PolicyError):
        run = _run_of(request.config)
        plan = plan_of(keywords, run.policy)
    return Latency(
        plan=plan,
        timing=latency_timing,
        node=item.nodeid,
        keep=_Keeper(item, run),
        fail=_fail,
        progress=_Progresses(request.config),
        undecided_fails=run.undecided_fails,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test: measure its body where it does not use the fixture, else see that it used it."""
    if pyfuncitem.get_closest_marker(_MARKER) is None:
        return None
    function = pyfuncitem.obj
    names = inspect.signature(function).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    measure: Any = pyfuncitem.funcargs["latency"]
    if "latency" not in arguments:
        measure(function, **arguments)
        return True
    if inspect.iscoroutinefunction(function):
        import asyncio  # noqa: PLC0415  # a tenth of a second, for coroutines only

        asyncio.run(function(**arguments))
    else:
        function(**arguments)
    if measure.has_limit and not measure.has_measured:
        _fail(f"{pyfuncitem.nodeid} has a latency budget but measured nothing; call latency(...) in it")
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Say in one line what the fixture could not measure or judge; what the test raises itself passes."""
    if "latency" not in getattr(item, "fixturenames", ()):
        return (yield)
    from latency_kit.pytest_plugin.calls import MeasuringError  # noqa: PLC0415  # see the module's docstring

    with _failures_in_a_line(MeasuringError):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand results over from a worker; on the controller save and compare, and fail on a regression."""
    run = session.config.stash.get(_run, None)
    if _is_worker(session.config):
        handed_over = "" if run is None else run.handed_over()
        session.config.workeroutput[_HANDED_OVER] = handed_over  # type: ignore[attr-defined]
        return
    if run is None:
        return
    run.conclude()
    if run.must_fail and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over the results of a worker of xdist that has ended, or note that they are lost."""
    text = getattr(node, "workeroutput", {}).get(_HANDED_OVER)
    if text or _run in node.config.stash:
        _run_of(node.config).take_over(node.gateway.id, text, f" ({error})" if error else "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table of all measurements."""
    run = config.stash.get(_run, None)
    if run is None:
        return
    for heading, lines in run.sections():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)


def _run_of(config: pytest.Config) -> "LatencyRun":
    """Return the run's results; the first to ask begins them."""
    if _run not in config.stash:
        from latency_kit.pytest_plugin.latency_run import LatencyRun  # noqa: PLC0415  # see the module's docstring

        config.stash[_run] = LatencyRun(
            root=config.rootpath,
            policy=config.getini("latency_policy"),
            folder=config.getini("latency_folder"),
            tolerance=config.getini("latency_tolerance"),
            undecided=config.getini("latency_undecided"),
            json_file=config.getoption("--latency-json"),
            save_as=config.getoption("--latency-save"),
            compare_with=config.getoption("--latency-compare"),
            allow_different=config.getoption("--latency-allow-different"),
            is_worker=_is_worker(config),
            packages=config.getini("latency_packages"),
        )
    return config.stash[_run]


class _Keeper:
    """Takes the results of one test: into the run, and into its JUnit properties."""

    def __init__(self, item: pytest.Item, run: "LatencyRun") -> None:
        self._item = item
        self._run = run

    def __call__(self, result: Any) -> None:
        self._run.keep(result)
        self._item.user_properties.extend(result.properties())


class _Progresses:
    """Makes progress lines on the terminal of the run, past the capturing of output."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __call__(self, title: str) -> Any:
        from latency_kit.pytest_plugin.progress import Progress  # noqa: PLC0415  # see the module's docstring

        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or _is_worker(self._config):
            return Progress(title, None, is_terminal=False)
        return Progress(title, self._write, is_terminal=bool(reporter.isatty))

    def _write(self, text: str) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        capturing = self._config.pluginmanager.get_plugin("capturemanager")
        if capturing is None:
            reporter.write(text, flush=True)
            return
        with capturing.global_and_fixture_disabled():
            reporter.write(text, flush=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@contextmanager
def _failures_in_a_line(*ours: type[Exception]) -> Iterator[None]:
    """Say errors of these types as the test's failure, without a traceback into the plugin."""
    try:
        yield
    except ours as error:
        raise pytest.fail.Exception(f"latency: {error}", pytrace=False) from None


def _fail(message: str) -> NoReturn:
    pytest.fail(message, pytrace=False)


def _without_replaced(keywords: dict[str, Any], nearer: Any) -> None:
    """Lay nearer keywords over farther ones; a nearer budget replaces a farther one of the other kind."""
    for name, other in (
        ("budget", "budget_ms"),
        ("budget_ms", "budget"),
        ("first_item_budget", "first_item_budget_ms"),
        ("first_item_budget_ms", "first_item_budget"),
    ):
        if name in nearer and other not in nearer:
            keywords.pop(other, None)
    keywords.update(nearer)
