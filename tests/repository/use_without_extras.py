"""What a user does first, on an environment that holds the wheel and its base dependencies and no more.

Run by `nox -s no_extras` with `python -I`, so that nothing comes from the checkout.
"""

import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path

import latency_kit
from latency_kit.budget import Verdict
from latency_kit.errors import MissingExtraError
from latency_kit.histogram import Histogram
from latency_kit.storage import export_csv, read_jsonl

POLICY = """
[budgets.pay]
measures = "shop.pay"
limit_ms = 1000
min_samples = 3
"""


@latency_kit.measure_latency("shop", "pay")
def pay(price: int) -> int:
    return price


@latency_kit.measure_latency("shop", "ship")
async def ship() -> str:
    await asyncio.sleep(0)
    return "shipped"


def main() -> None:
    checkout = Path(__file__).resolve().parents[2]
    imported = Path(latency_kit.__file__).resolve()
    installed_there = ".nox" in imported.parts or not imported.is_relative_to(checkout)
    check(installed_there, f"it is imported from {imported}")
    for package in ("opentelemetry.sdk", "grpc", "numpy", "pytest", "rich", "click"):
        check(not installed(package), f"{package} is installed here; this is no empty environment")
    check(pay(7) == 7, "a decorated function works unconfigured")

    with tempfile.TemporaryDirectory() as folder:
        policy, jsonl = Path(folder, "budgets.toml"), Path(folder, "performance.jsonl")
        policy.write_text(POLICY, encoding="utf-8")
        with latency_kit.configure(budgets=policy, jsonl=jsonl) as telemetry:
            check([pay(price) for price in range(5)] == list(range(5)), "a decorated function returns")
            check(asyncio.run(ship()) == "shipped", "a decorated coroutine returns")
            with latency_kit.measure_latency("shop", "pack") as call:
                call.set_attribute("size", "small")
            counts = {series.operation: series.histogram.count for series in telemetry.snapshot()}
            check(counts == {"pay": 5, "ship": 1, "pack": 1}, f"every call is recorded: {counts}")
            (evaluation,) = telemetry.evaluate()
            check(evaluation.verdict is Verdict.MET, evaluation.describe())
            check(len(telemetry.recent()) == 7, "the ring holds every call")
        check(len(read_jsonl(jsonl).records) == 7, "every call stands in performance.jsonl")
        check(export_csv(jsonl, Path(folder, "performance.csv")) == 7, "and in the CSV")

    histogram = Histogram()
    histogram.record_many(list(range(1, 11)))
    check(histogram.snapshot().value_at_percentile(94) == 10, "p94 of 1..10 is 10")
    try:
        latency_kit.configure(endpoint="http://127.0.0.1:9")
    except MissingExtraError as error:
        check("latency-kit[otlp]" in str(error), f"the message names the extra: {error}")
    else:
        check(False, "export without its extra is refused")
    print(f"latency_kit works without extras on Python {sys.version.split()[0]}")  # noqa: T201  # a script


def installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"does not hold: {sentence}")


if __name__ == "__main__":
    main()
