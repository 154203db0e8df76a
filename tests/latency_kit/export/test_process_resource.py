"""The resource: what the user gave, what identifies the process, and how it merges."""

import pytest

from latency_kit.export import ExportSettings

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from latency_kit.export.process_resource import ProcessResource
from latency_kit.tracing.sdk import Resource


def resource_of(**settings: object) -> ProcessResource:
    return ProcessResource(ExportSettings.resolve(**settings))  # type: ignore[arg-type]


def test_settings_win_over_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "of the variable")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue,region=north")
    attributes = resource_of(service_name="of the settings", resource_attributes={"team": "red"}).attributes
    assert attributes["service.name"] == "of the settings"
    assert attributes["team"] == "red"
    assert attributes["region"] == "north"


def test_the_instance_is_random_unless_given() -> None:
    first, second = resource_of(), resource_of(resource_attributes={"service.instance.id": "mine"})
    assert first.attributes["service.instance.id"] == first.attributes["service.instance.id"]
    assert len(first.attributes["service.instance.id"]) == 36
    assert second.attributes["service.instance.id"] == "mine"


@pytest.mark.parametrize("given", [None, "mine"])
def test_another_process_gets_another_instance(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = resource_of(resource_attributes={} if given is None else {"service.instance.id": given})
    parent = resource.attributes["service.instance.id"]
    monkeypatch.setattr("os.getpid", lambda: 123_456)
    child = resource.attributes["service.instance.id"]
    assert child != parent
    assert resource.attributes["service.instance.id"] == child
    assert child == "mine-123456" if given else len(child) == 36


def test_a_merge_adds_attributes_and_keeps_the_instance() -> None:
    resource = resource_of(service_name="a")
    merged = resource.merge(Resource({"service.instance.id": "other", "process.pid": 7}))
    assert merged.attributes["process.pid"] == 7
    assert merged.attributes["service.name"] == "a"
    assert merged.attributes["service.instance.id"] == resource.attributes["service.instance.id"]


def test_a_resource_equals_itself_only() -> None:
    resource = resource_of()
    assert resource == resource  # noqa: PLR0124  # equality with itself is the claim
    assert resource != resource_of()
    assert hash(resource) == hash(resource)
