"""What the exporters log is held back while we send, in our thread only."""

import logging
import threading

import pytest

from latency_kit.export.quiet_logs import quietly

EXPORTER = "opentelemetry.exporter.otlp.proto.grpc.exporter"
ENCODER = "opentelemetry.exporter.otlp.proto.common._internal"


def test_records_are_held_back_in_the_block_and_kept_outside(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger(EXPORTER)
    with quietly() as held:
        log.warning("retrying in %ss", 2)
        log.error("failed\nfor good")
    log.warning("someone else's")
    assert held.texts == ["retrying in 2s", "failed\nfor good"]
    assert held.last() == "failed for good"
    assert [record.message for record in caplog.records] == ["someone else's"]


def test_other_users_of_the_exporters_keep_their_records(caplog: pytest.LogCaptureFixture) -> None:
    with quietly() as held:
        theirs = threading.Thread(target=lambda: logging.getLogger(EXPORTER).warning("theirs"))
        theirs.start()
        theirs.join()
    assert held.texts == []
    assert held.last() == ""
    assert [record.message for record in caplog.records] == ["theirs"]


def test_attributes_that_could_not_be_encoded_are_told_apart() -> None:
    with quietly() as held:
        logging.getLogger(ENCODER).error("Failed to encode key huge")
        logging.getLogger(EXPORTER).error("unavailable")
    assert held.encoding_failures == 1


def test_blocks_nest_and_each_holds_its_own() -> None:
    log = logging.getLogger(EXPORTER)
    with quietly() as outer:
        with quietly() as inner:
            log.warning("inner")
        log.warning("outer")
    assert (inner.texts, outer.texts) == (["inner"], ["outer"])
