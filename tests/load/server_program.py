"""The server that a load is put on: `reference-pipeline serve`, with the engine of the profile."""

from reference_pipeline.__main__ import main

if __name__ == "__main__":
    import sys

    sys.argv[1:1] = ["serve"]
    main()
