"""The program of the process in which pocketsphinx decodes: `python -m` this, with its files as arguments."""

import argparse
from pathlib import Path

from reference_pipeline.ports import Transcriber
from reference_pipeline.transcription.domain_language_model import read_notes, terms_of
from reference_pipeline.transcription.transcriber_server import serve_transcriber_on_pipes

__all__ = ["main"]


def main() -> None:
    """Read the arguments and serve on standard input and output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language-model", type=Path)
    parser.add_argument("--dictionary", type=Path)
    parser.add_argument("--domain-notes", type=Path, help="Directory of notes whose words are expected.")
    chosen = parser.parse_args()

    def make() -> Transcriber:
        # An optional package: that it is missing must be told as a reply.
        from reference_pipeline.transcription.pocketsphinx_transcriber import (  # noqa: PLC0415  # see above
            PocketsphinxTranscriber,
        )

        return PocketsphinxTranscriber(
            language_model=chosen.language_model,
            dictionary=chosen.dictionary,
            domain_terms=terms_of(read_notes(chosen.domain_notes)) if chosen.domain_notes else (),
        )

    serve_transcriber_on_pipes(make)


if __name__ == "__main__":
    main()
