"""Under which component and operation the durations of a test stand. Nothing of pytest is known here."""

__all__ = ["series_of_test"]


def series_of_test(node: str) -> tuple[str, str]:
    """Return (component, operation) of a test by its node id.

    `tests/performance/test_latency.py::TestAnswers::test_first[short]` is the operation
    `TestAnswers::test_first[short]` of the component `tests.performance.test_latency`.
    """
    file, separator, test = node.partition("::")
    module = file.removesuffix(".py").replace("\\", "/").strip("/").replace("/", ".")
    return (module or "tests", test) if separator and test else ("tests", node)
