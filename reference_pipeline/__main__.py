"""`python -m reference_pipeline`."""

from reference_pipeline.cli import main

if __name__ == "__main__":
    main()
