"""The server that a load is put on: `reference-pipeline serve`, and what it leaves behind when it has ended.

Writes `left.json` into its folder: threads, children and sockets that are still there after the run.
"""

import gc
import json
import os
import sys
import threading
from pathlib import Path

from memory import descendants

from reference_pipeline.__main__ import main


def left_behind(given: set[str]) -> dict[str, list[str]]:
    """Return what is still there that a run should have ended, but for the sockets that it was given."""
    gc.collect()  # what only waits to be collected is not left
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    children = [
        Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() for pid in descendants(os.getpid())
    ]
    return {"threads": threads, "children": children, "sockets": [_named(one) for one in sockets() - given]}


def _named(name: str) -> str:
    """Return a socket with its ports (hexadecimal, as proc_net_tcp(5) lists them), where it is one of TCP."""
    inode = name.removeprefix("socket:[").removesuffix("]")
    for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if fields[9] == inode:
            return f"{name} {fields[1]} to {fields[2]} state {fields[3]}"
    return name


def sockets() -> set[str]:
    """Return the sockets that this process holds."""
    held = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    return {name for name in held if name.startswith("socket:")}


if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    inherited = sockets()
    try:
        main()
    finally:
        Path("left.json").write_text(json.dumps(left_behind(inherited)), encoding="utf-8")
