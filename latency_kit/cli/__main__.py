"""`python -m latency_kit.cli`: the same as the command `latency-kit`."""

from latency_kit.cli.main import main

if __name__ == "__main__":
    main(prog_name="latency-kit")
