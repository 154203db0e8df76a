"""The plugin in whole pytest runs: marker, fixture, policy, summary."""

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

Project = Callable[..., pytest.RunResult]

TWO_TESTS = """
import pytest

@pytest.mark.latency(budget_ms=20)
def test_fast(latency, clock):
    latency(clock.advance, ms=12)

def test_without_budget(latency, clock):
    latency(clock.advance, ms=3)
"""


def test_the_fixture_measures_and_the_summary_shows_it(project: Project) -> None:
    result = project(TWO_TESTS)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*= latency =*",
            "test*samples*p50*p95*p99*p99.9*max*budget*verdict",
            "*::test_fast *100*12.0 ms*12.0 ms*12.0 ms*-*12.0 ms*p95 20.0 ms*met",
            "*::test_without_budget *100*3.00 ms*-*-",
        ]
    )


def test_a_run_without_measurements_shows_nothing(project: Project) -> None:
    result = project("def test_nothing(): pass")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= latency*")


def test_the_body_of_a_marked_test_without_the_fixture_is_measured(project: Project) -> None:
    result = project(
        """
        import pytest
        CALLS = []

        @pytest.mark.latency(budget_ms=20, samples=100, warmup=3)
        @pytest.mark.parametrize("ms", [5, 30])
        def test_body(clock, ms):
            CALLS.append(ms)
            clock.advance(ms=ms)

        class TestInClass:
            @pytest.mark.latency(samples=4)
            def test_method(self, clock):
                clock.advance(ms=1)

        def test_calls():
            assert CALLS.count(5) == 103
        """
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_body?30?: breached: p95 is 30.0 ms*above the budget of 20.0 ms",
            "*::test_body?5? *met",
            "*::test_body?30? *breached",
            "*::TestInClass::test_method * 4 *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_cannot_be_judged_or_measured_is_one_line(project: Project) -> None:
    result = project(
        """
        import pytest
        from latency_kit.errors import UsageError

        @pytest.mark.latency(budget_ms=20)
        def test_too_few(latency):
            latency.judge([1_000_000] * 5)

        def test_no_item(latency):
            latency.stream(list)

        async def an_async_test(latency):
            latency(an_async_test)

        @pytest.mark.latency(samples=4)
        def test_own_error():
            raise UsageError("of the test itself")
        """
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["latency: *5 samples*", "latency: the stream ended without an item*"])
    result.stdout.no_fnmatch_line("*measuring.py*MeasuringError")
    # What is not the fixture's is told where it was raised.
    result.stdout.fnmatch_lines(["*raise UsageError(?of the test itself?)"])


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-0.1", "much"])
def test_a_tolerance_that_is_no_share_is_refused(project: Project, tolerance: str) -> None:
    result = project(TWO_TESTS, "--latency-save=main", ini=f"latency_tolerance = {tolerance}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*latency_tolerance must be a share from 0*got '{tolerance}'"])


def test_coroutine_tests_need_no_other_plugin(project: Project) -> None:
    result = project(
        """
        import asyncio, pytest

        @pytest.mark.latency(budget_ms=5)
        async def test_body(clock):
            await asyncio.sleep(0)
            clock.advance(ms=2)

        @pytest.mark.latency(budget_ms=5)
        async def test_with_fixture(latency, clock):
            async def work():
                clock.advance(ms=3)
            result = await latency.in_loop(work)
            assert result.verdict == "met"
        """,
        "-W",
        "error::pytest.PytestUnhandledCoroutineWarning"
        if hasattr(pytest, "PytestUnhandledCoroutineWarning")
        else "default",
    )
    result.assert_outcomes(passed=2)


def test_too_few_samples_are_an_error_that_says_how_many_it_takes(project: Project) -> None:
    result = project(
        """
        import pytest

        @pytest.mark.latency(budget_ms=5, percentile=99, samples=100)
        def test_tail(latency):
            raise AssertionError("not reached")
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["latency: 100 samples cannot bound p99 at 95% confidence; it takes at least 437"]
    )
    result.stdout.no_fnmatch_line("*During handling*")


def test_a_budget_that_nothing_was_held_to_fails_the_test(project: Project) -> None:
    result = project(
        """
        import pytest
        from unittest import TestCase

        @pytest.mark.latency(budget_ms=5)
        def test_forgotten(latency): pass

        @pytest.mark.latency(budget_ms=5)
        async def test_forgotten_too(latency): pass

        @pytest.mark.latency(budget_ms=5)
        def test_skipped(latency):
            pytest.skip("not here")

        class TestOld(TestCase):
            @pytest.mark.latency(budget_ms=5)
            def test_method(self): pass
        """
    )
    result.assert_outcomes(failed=2, skipped=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "unittest's test methods cannot be measured; write the test as a function",
            "*::test_forgotten has a latency budget but measured nothing; call latency(...) in it",
            "*::test_forgotten_too has a latency budget but measured nothing; *",
        ]
    )


def test_misuse_is_said_in_a_line(project: Project) -> None:
    result = project(
        """
        import pytest

        @pytest.mark.latency(500)
        def test_positional(latency): pass

        @pytest.mark.latency(budget_sm=500)
        def test_misspelt(latency): pass
        """
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "the marker latency takes keywords only, got (500,); write budget_ms=...",
            "latency: the marker latency has no 'budget_sm'; it takes *",
        ]
    )


def test_the_nearest_marker_has_the_last_word(project: Project) -> None:
    result = project(
        """
        import pytest
        pytestmark = pytest.mark.latency(budget_ms=1, samples=90)

        @pytest.mark.latency(budget_ms=20)
        def test_fast(latency, clock):
            latency(clock.advance, ms=12)
            assert latency.plan.samples == 90
        """
    )
    result.assert_outcomes(passed=1)


POLICY = """
[{prefix}budgets.answer]
measures = "llm.answer"
limit_ms = 900
[{prefix}budgets.answer.allotments.transcription]
measures = "speech.transcribe"
limit_ms = 500
percentile = 90
"""

BY_NAME = """
import pytest

@pytest.mark.latency(budget="transcription")
def test_named(latency, clock):
    latency(clock.advance, ms={ms})
"""


def test_a_budget_by_name_comes_from_the_policy_file_of_the_settings(
    project: Project, pytester: pytest.Pytester
) -> None:
    pytester.makefile(".toml", budgets=POLICY.format(prefix=""))
    result = project(BY_NAME.format(ms=600), ini="latency_policy = budgets.toml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*breached: p90 is 600 ms*the budget 'answer.transcription' of 500 ms"])


def test_a_budget_by_name_comes_from_the_pyproject_otherwise(
    project: Project, pytester: pytest.Pytester
) -> None:
    pytester.makepyprojecttoml(POLICY.format(prefix="tool.latency_kit."))
    project(BY_NAME.format(ms=400)).assert_outcomes(passed=1)


def test_a_budget_by_name_without_a_policy_is_an_error(project: Project) -> None:
    result = project(BY_NAME.format(ms=400))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["latency: *pyproject.toml: 1 mistake in the budget policy*"])


UNDECIDED = """
import itertools, pytest

@pytest.mark.latency(budget_ms=5)
def test_near(latency, clock):
    count = itertools.count()
    latency(lambda: clock.advance(ms=9 if next(count) % 22 == 0 else 1))
"""


def test_an_undecided_budget_fails_unless_the_settings_let_it_pass(
    project: Project, pytester: pytest.Pytester
) -> None:
    result = project(UNDECIDED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*undecided: *cannot be ruled out*", "*::test_near *1000*undecided"])
    result = project(UNDECIDED, ini="latency_undecided = pass")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::test_near *undecided"])


def test_an_unknown_setting_is_refused(project: Project) -> None:
    result = project(UNDECIDED, ini="latency_undecided = maybe")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["latency: latency_undecided must be 'fail' or 'pass', got 'maybe'"])
