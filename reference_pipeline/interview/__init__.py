"""The bundled interview that the demo replays: its recording, its manifest and the notes that answer it.

The audio is synthesised (`python -m reference_pipeline.interview.synthesise`); no person is heard in it.
"""

from reference_pipeline.interview.manifest import (
    InterviewManifest,
    ManifestError,
    SpokenUtterance,
    load_manifest,
    recording_path,
)

__all__ = ["InterviewManifest", "ManifestError", "SpokenUtterance", "load_manifest", "recording_path"]
