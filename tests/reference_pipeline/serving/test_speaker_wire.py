"""What a speaker may send; everything else is refused with a reason that fits a close frame."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.wire import MalformedMessageError, PagePong
from reference_pipeline.serving.speaker_wire import (
    HEADER,
    SpeakerBye,
    parse_hello,
    parse_said,
    parse_sound,
)

FITS_A_CLOSE_FRAME = 123


def test_a_hello_tells_rate_session_and_token() -> None:
    hello = parse_hello(
        '{"type":"hello","rate":48000,"format":"s16le","session":"anna","token":"0123456789abcdef"}'
    )
    assert (hello.rate, hello.session, hello.token) == (48_000, "anna", "0123456789abcdef")


def test_session_token_and_format_may_be_left_out() -> None:
    hello = parse_hello('{"type":"hello","rate":8000}')
    assert (hello.rate, hello.session, hello.token) == (8_000, "", None)


@pytest.mark.parametrize(
    "content",
    [
        {"rate": 16_000},
        {"type": "hello"},
        {"type": "hello", "rate": 7_999},
        {"type": "hello", "rate": 192_001},
        {"type": "hello", "rate": 16_000.5},
        {"type": "hello", "rate": True},
        {"type": "hello", "rate": 16_000, "format": "f32le"},
        {"type": "hello", "rate": 16_000, "session": 3},
        {"type": "hello", "rate": 16_000, "token": ["x"]},
        ["hello"],
    ],
)
def test_another_hello_is_refused_with_what_was_expected(content: object) -> None:
    with pytest.raises(MalformedMessageError, match=r"expected|must be") as refused:
        parse_hello(json.dumps(content))
    assert len(str(refused.value).encode()) <= FITS_A_CLOSE_FRAME


def test_samples_come_out_as_frames_by_one_channel_between_minus_one_and_one() -> None:
    piece = parse_sound(HEADER.pack(12.5, 320) + np.array([0, -32768, 16384], "<i2").tobytes(), rate=16_000)
    assert piece.samples.dtype == np.float32
    assert piece.samples.tolist() == [[0.0], [-1.0], [0.5]]
    assert (piece.first_sample, piece.captured_ns) == (320, 12_500_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER.pack(1.0, 0),
        HEADER.pack(1.0, 0) + b"\0",
        HEADER.pack(float("nan"), 0) + b"\0\0",
        HEADER.pack(-1.0, 0) + b"\0\0",
        HEADER.pack(float("inf"), 0) + b"\0\0",
        HEADER.pack(1.0, 2**60) + b"\0\0",
        HEADER.pack(1.0, 0) + bytes(2 * 8_001),
    ],
)
def test_other_binary_messages_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse_sound(data, rate=16_000)


@given(st.binary(max_size=200))
def test_no_bytes_get_past_the_reader_but_as_sound_or_as_malformed(data: bytes) -> None:
    try:
        piece = parse_sound(data, rate=16_000)
    except MalformedMessageError:
        return
    assert piece.samples.shape == ((len(data) - HEADER.size) // 2, 1)
    assert np.abs(piece.samples).max() <= 1.0


def test_a_welcomed_speaker_says_pong_and_bye_and_nothing_else() -> None:
    assert parse_said('{"type":"bye"}') == SpeakerBye()
    pong = parse_said('{"type":"pong","number":3,"received_ms":1,"replied_ms":2}')
    assert pong == PagePong(number=3, received_ns=1_000_000, replied_ns=2_000_000)
    for other in ('{"type":"visibility","hidden":true}', '{"type":"hello","rate":16000}', "x", "[]"):
        with pytest.raises(MalformedMessageError):
            parse_said(other)
