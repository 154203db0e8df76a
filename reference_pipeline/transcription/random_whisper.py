"""A Whisper of any shape with random weights and a tokenizer of its own, built without a download.

It hears nothing, but it is a real CTranslate2 model: what faster-whisper computes with it, and how long that
takes, is what it computes with a trained model of the same shape. Tests build a tiny one; load is measured
with one of base size. The only module that writes CTranslate2 models.
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latency_kit.errors import MissingExtraError

try:
    import tokenizers
    from ctranslate2.specs import WhisperSpec  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise MissingExtraError("ctranslate2", "assistant") from error

__all__ = ["BASE", "TINY", "WhisperShape", "build_random_whisper", "vocabulary_of"]

_LANGUAGES = tuple(
    # In the order of Whisper's own vocabulary.
    """
    en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur
    hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si
    km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha
    ba jw su
    """.split()  # noqa: SIM905  # a hundred quoted codes are not read
)
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
_TIMESTAMPS = 1501
_EMPTY = ""
"""The last token of text of a multilingual Whisper, by which CTranslate2 tells it from an English one."""

_SPECIAL_TOKENS = 3 + len(_LANGUAGES) + len(_TASKS) + _TIMESTAMPS
_BYTES = 256

_ENCODER_POSITIONS = 1500
_DECODER_POSITIONS = 448
_KERNEL = 3

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperShape:
    """The dimensions of a Whisper model, named as its authors name them.

    * The vocabulary has room for all bytes and all special tokens.

    Raises:
        ValueError: It has not, or the heads do not divide the model's width.
    """

    d_model: int
    layers: int
    heads: int
    vocabulary: int
    mels: int = 80

    def __post_init__(self) -> None:
        if self.vocabulary < _BYTES + _SPECIAL_TOKENS:
            raise ValueError(
                f"a Whisper vocabulary has at least {_BYTES + _SPECIAL_TOKENS} tokens, got {self.vocabulary}"
            )
        if self.d_model % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.d_model}")


TINY = WhisperShape(d_model=16, layers=1, heads=2, vocabulary=_BYTES + _SPECIAL_TOKENS + 200)
"""As small as it gets: loads and transcribes in some milliseconds."""

BASE = WhisperShape(d_model=512, layers=6, heads=8, vocabulary=51865)
"""Whisper base, multilingual (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision",
2022, table 1)."""


def build_random_whisper(directory: Path, *, shape: WhisperShape = TINY, seed: int = 0) -> Path:
    """Write a model that `faster_whisper.WhisperModel` loads, and return its directory.

    Weights are stored as int8. The same shape and seed give the same model.

    Args:
        directory: Made where it is absent.
        shape: The model's dimensions.
        seed: Of the random weights.
    """
    directory.mkdir(parents=True, exist_ok=True)
    spec = WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    _fill(spec, shape, _Weights(np.random.default_rng(seed)))
    tokens = vocabulary_of(shape)
    spec.register_vocabulary(tokens)
    ids = {token: index for index, token in enumerate(tokens)}
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids[f"<|{language}|>"] for language in _LANGUAGES]
    spec.config.alignment_heads = list(
        itertools.product(range(shape.layers // 2, shape.layers), range(shape.heads))
    )
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(directory))
    _tokenizer(tokens).save(str(directory / "tokenizer.json"))
    (directory / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": shape.mels}), encoding="utf-8"
    )
    return directory


def vocabulary_of(shape: WhisperShape) -> list[str]:
    """Return the tokens: bytes, made-up words, the empty one, then special ones in Whisper's order."""
    text = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    # The byte-level spelling of a space begins each made-up word, as it begins most words of Whisper.
    text.extend(itertools.islice(_made_up_words(), shape.vocabulary - _SPECIAL_TOKENS - _BYTES))
    special = ["endoftext", "startoftranscript", *_LANGUAGES, *_TASKS]
    special.extend(f"{index * 0.02:.2f}" for index in range(_TIMESTAMPS))
    return [*text, _EMPTY, *(f"<|{name}|>" for name in special)]


def _made_up_words() -> Iterable[str]:
    for length in itertools.count(2):
        for letters in itertools.product("etaoinshrdlu", repeat=length):
            yield "\u0120" + "".join(letters)


def _tokenizer(tokens: list[str]) -> tokenizers.Tokenizer:
    text = [token for token in tokens if not token.startswith("<|")]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={token: index for index, token in enumerate(text)}, merges=[])
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in tokens if token.startswith("<|")])
    return tokenizer


class _Weights:
    """Makes random weights of the usual scale, so that activations stay finite through all layers."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def normal(self, *shape: int) -> Floats:
        scale = np.float32(np.prod(shape[1:]) ** -0.5)
        return self._generator.standard_normal(shape, dtype=np.float32) * scale

    def linear(self, spec: Any, outputs: int, inputs: int) -> None:
        spec.weight = self.normal(outputs, inputs)
        spec.bias = np.zeros(outputs, np.float32)

    def convolution(self, spec: Any, outputs: int, inputs: int) -> None:
        spec.weight = self.normal(outputs, inputs, _KERNEL)
        spec.bias = np.zeros(outputs, np.float32)

    def norm(self, spec: Any, width: int) -> None:
        spec.gamma = np.ones(width, np.float32)
        spec.beta = np.zeros(width, np.float32)

    def self_attention(self, spec: Any, width: int) -> None:
        self.norm(spec.layer_norm, width)
        self.linear(spec.linear[0], 3 * width, width)
        self.linear(spec.linear[1], width, width)

    def cross_attention(self, spec: Any, width: int) -> None:
        self.norm(spec.layer_norm, width)
        self.linear(spec.linear[0], width, width)
        self.linear(spec.linear[1], 2 * width, width)
        self.linear(spec.linear[2], width, width)

    def feed_forward(self, spec: Any, width: int) -> None:
        self.norm(spec.layer_norm, width)
        self.linear(spec.linear_0, 4 * width, width)
        self.linear(spec.linear_1, width, 4 * width)


def _fill(spec: Any, shape: WhisperShape, weights: _Weights) -> None:
    width = shape.d_model
    encoder, decoder = spec.encoder, spec.decoder
    weights.convolution(encoder.conv1, width, shape.mels)
    weights.convolution(encoder.conv2, width, width)
    encoder.position_encodings.encodings = weights.normal(_ENCODER_POSITIONS, width)
    weights.norm(encoder.layer_norm, width)
    for layer in encoder.layer:
        weights.self_attention(layer.self_attention, width)
        weights.feed_forward(layer.ffn, width)
    decoder.embeddings.weight = weights.normal(shape.vocabulary, width)
    # Bytes would come out as broken UTF-8; without weight they lose to the made-up words.
    decoder.embeddings.weight[:_BYTES] = 0.0
    decoder.position_encodings.encodings = weights.normal(_DECODER_POSITIONS, width)
    weights.norm(decoder.layer_norm, width)
    for layer in decoder.layer:
        weights.self_attention(layer.self_attention, width)
        weights.cross_attention(layer.attention, width)
        weights.feed_forward(layer.ffn, width)
    # Whisper uses one matrix for both ends; the file holds it once.
    decoder.projection.weight = decoder.embeddings.weight
