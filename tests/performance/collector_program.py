"""A collector in a process of its own, for load that must not share an interpreter with it.

It prints its gRPC endpoint, and for each line on its standard input how many spans it has received. It ends
with its standard input, or after two minutes.
"""

import importlib.util
import sys
import threading
from pathlib import Path

_RECEIVER = Path(__file__).parents[1] / "otlp_receiver.py"


def main() -> None:
    """Run until the standard input ends."""
    spec = importlib.util.spec_from_file_location("otlp_receiver", _RECEIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    patience = threading.Timer(120, sys.stdin.close)
    patience.daemon = True
    patience.start()
    with module.running_receiver() as receiver:
        _say(receiver.grpc_endpoint)
        for _ in sys.stdin:
            _say(str(len(receiver.spans())))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
