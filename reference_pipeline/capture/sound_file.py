"""Opening and writing sound files; the only module that imports soundfile.

Every way in which a file can be bad ends here in one line that names the file and what to do.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from latency_kit.errors import MissingExtraError
from reference_pipeline.events import Samples
from reference_pipeline.ports import SourceError

try:
    import soundfile  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise MissingExtraError("soundfile", "assistant") from error

__all__ = ["SoundFile", "write_flac"]


class SoundFile:
    """A WAV or FLAC file (or whatever else libsndfile reads) opened for reading from its start.

    * Samples are float32 in [-1, 1] whatever the file holds, 8-bit to float; values beyond are clipped.
    * An open file has at least one frame.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SourceError: It is absent, a folder, empty, not sound, or holds no frame.
        """
        if not path.exists():
            raise SourceError(f"{path}: no such file; give the path of a WAV or FLAC recording")
        if not path.is_file():
            raise SourceError(f"{path}: is not a file; give the path of a WAV or FLAC recording")
        try:
            if path.stat().st_size == 0:
                raise SourceError(f"{path}: the file is empty; give a WAV or FLAC recording")
            self._file = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError) as error:
            reason = _reason_of(error)
            raise SourceError(f"{path}: is not a readable WAV or FLAC recording ({reason})") from error
        self.path = path
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        if self.frames <= 0:
            self._file.close()
            raise SourceError(f"{path}: the recording has zero length; give one that holds sound")

    def blocks(self, frames: int) -> Iterator[Samples]:
        """Yield the rest of the file in blocks of `frames`, shape (n, channels); only the last is shorter.

        About a second is read at a time, since each read costs a seek; the blocks are views of it.

        Raises:
            SourceError: The file is damaged, or ends before the length that it states.
        """
        read = 0
        chunk_frames = frames * max(1, self.sample_rate // frames)
        while True:
            try:
                chunk: Samples = self._file.read(chunk_frames, dtype="float32", always_2d=True)
            except (soundfile.SoundFileError, OSError) as error:
                raise SourceError(f"{self.path}: cannot be read to its end ({_reason_of(error)})") from error
            np.clip(np.nan_to_num(chunk, copy=False), -1.0, 1.0, out=chunk)
            for begin in range(0, len(chunk), frames):
                yield chunk[begin : begin + frames]
            read += len(chunk)
            if len(chunk) < chunk_frames:
                break
        if read < self.frames:
            raise SourceError(f"{self.path}: is cut off after {read} of {self.frames} frames; copy it anew")

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()


def write_flac(path: Path, samples: Samples, sample_rate: int) -> None:
    """Write mono samples as 16-bit FLAC, packed as small as the format can."""
    soundfile.write(path, samples, sample_rate, format="FLAC", subtype="PCM_16", compression_level=1.0)


def _reason_of(error: Exception) -> str:
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".")
