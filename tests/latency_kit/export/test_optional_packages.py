"""The floor imports nothing heavy by itself, and says which extra is missing."""

import subprocess
import sys

import pytest

import latency_kit.export

HEAVY = ("opentelemetry.sdk", "grpc", "requests", "google.protobuf", "opentelemetry.exporter")

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == {absent!r} or name.startswith({absent!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from latency_kit.errors import MissingExtraError
from latency_kit.export import ExportSettings, CollectedMetrics
from latency_kit.measurement.losses import Losses
settings = ExportSettings.resolve(protocol={protocol!r}, endpoint="http://127.0.0.1:9")
try:
    from latency_kit.export import build_trace_export
    build_trace_export(settings, Losses(), shutdown_on_exit=False)
except MissingExtraError as error:
    print(error)
"""


def run(code: str, pytestconfig: pytest.Config) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_floor_and_resolving_settings_loads_nothing_heavy(pytestconfig: pytest.Config) -> None:
    code = (
        "import sys; from latency_kit.export import ExportSettings, SeriesData; ExportSettings.resolve();"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert run(code, pytestconfig).strip() == "[]"


@pytest.mark.parametrize(
    ("absent", "protocol", "package"),
    [
        ("opentelemetry.sdk", "grpc", "opentelemetry-sdk"),
        ("grpc", "grpc", "opentelemetry-exporter-otlp-proto-grpc"),
        ("opentelemetry.exporter.otlp.proto.http", "http/protobuf", "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    absent: str, protocol: str, package: str, pytestconfig: pytest.Config
) -> None:
    if absent != "opentelemetry.sdk":
        pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")
    out = run(WITHOUT.format(absent=absent, protocol=protocol), pytestconfig)
    assert out.strip() == f"{package} is not installed; install it with: pip install 'latency-kit[otlp]'"


def test_only_the_protocol_in_use_needs_its_package(pytestconfig: pytest.Config) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="comes with the extra 'otlp'")
    assert run(WITHOUT.format(absent="grpc", protocol="http/protobuf"), pytestconfig) == ""


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        latency_kit.export.no_such_name  # noqa: B018  # the look-up is the test
