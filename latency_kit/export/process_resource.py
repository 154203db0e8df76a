"""The resource of this process: who sends, with an instance identifier that no other process shares."""

import os
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from latency_kit.export.settings import ExportSettings
from latency_kit.process_identity import instance_id
from latency_kit.tracing.sdk import InstrumentationScope, OTELResourceDetector, Resource

__all__ = ["ProcessResource", "instrumentation_scope"]

_DISTRIBUTION = "latency-kit"
_INSTANCE = "service.instance.id"


class ProcessResource(Resource):
    """The attributes of `OTEL_RESOURCE_ATTRIBUTES` and of the settings, plus what the process itself adds.

    * `service.instance.id` is unique to the process: a random one, or the one that the user gave.
    * In a forked child it is another one; a given one gets the process identifier appended, since two
      processes must not send under one identity.
    * It is equal to itself only, and cheap to hash: the SDK's encoder hashes it once a span.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/#service-experimental
    """

    def __init__(self, settings: ExportSettings) -> None:
        explicit: dict[str, Any] = dict(settings.resource_attributes)
        if settings.service_name is not None:
            explicit["service.name"] = settings.service_name
        explicit["telemetry.distro.name"] = _DISTRIBUTION
        explicit["telemetry.distro.version"] = version()
        found = Resource.create(explicit)
        # Newer SDKs add a random identifier of their own, which `found` cannot tell from a given one.
        given = explicit.get(_INSTANCE) or OTELResourceDetector().detect().attributes.get(_INSTANCE)
        self._given = None if given is None else str(given)
        self._without_instance = dict(found.attributes)
        self._process_id = self._first_process_id = os.getpid()
        super().__init__(self._with_instance(), found.schema_url)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes as they are in the process that asks."""
        if os.getpid() != self._process_id:
            self._process_id = os.getpid()
            super().__init__(self._with_instance(), self.schema_url)
        return super().attributes

    def merge(self, other: Resource) -> Resource:
        """Return this resource with the attributes of `other` added, all but its instance identifier.

        Newer SDKs merge the process's attributes into the provider's resource after a fork, with a random
        identifier that our metrics would not share.
        """
        return super().merge(other).merge(Resource({_INSTANCE: self.attributes[_INSTANCE]}))

    def _with_instance(self) -> dict[str, Any]:
        if self._given is None:
            instance = instance_id()
        elif self._process_id == self._first_process_id:
            instance = self._given
        else:
            instance = f"{self._given}-{self._process_id}"
        return {**self._without_instance, _INSTANCE: instance}

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def instrumentation_scope() -> InstrumentationScope:
    """Return the scope that our metrics go under: the same name as that of our spans."""
    return InstrumentationScope("latency_kit", version())


def version() -> str:
    """Return the version of the installed distribution; "0" in a source tree that is not installed."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0"
