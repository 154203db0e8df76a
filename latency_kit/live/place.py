"""Where the sockets of running processes lie: one folder for each user, one socket for each process."""

import os
import socket
import stat
import tempfile
from pathlib import Path

from latency_kit.errors import ConfigurationError

__all__ = ["FOLDER_VARIABLE", "SUFFIX", "is_stale", "live_folder", "prepare_folder", "socket_path"]

SUFFIX = ".sock"

FOLDER_VARIABLE = "LATENCY_KIT_LIVE_FOLDER"
"""Names another folder, such as one that containers share."""

_LONGEST_PATH = 100
"""Bytes; `sun_path` holds 104 on macOS and 108 on Linux, the end of the string among them."""

_PROBE_TIMEOUT_S = 0.5


def live_folder() -> Path:
    """Return the folder of this user's sockets; it need not exist.

    `LATENCY_KIT_LIVE_FOLDER`, else `latency-kit` in `XDG_RUNTIME_DIR`, else `latency-kit-UID` in the folder
    of temporary files.
    """
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    if named:
        return Path(named)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "").strip()
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "latency-kit"
    return Path(tempfile.gettempdir()) / f"latency-kit-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def socket_path(folder: Path, process_id: int) -> Path:
    """Return the path of a process's socket.

    Raises:
        ConfigurationError: It is longer than the operating system takes.
    """
    path = folder / f"{process_id}{SUFFIX}"
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise ConfigurationError(
            f"live: the socket {path} would have a name of {length} bytes, {_LONGEST_PATH} are possible; "
            f"set {FOLDER_VARIABLE} to a folder with a shorter path"
        )
    return path


def prepare_folder(folder: Path) -> None:
    """Make the folder, for this user alone, and remove sockets in it that nobody listens at any more.

    Raises:
        ConfigurationError: It cannot be made, or is another user's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigurationError(
            f"live: the folder {folder} cannot be made: {error.strerror or error}; "
            f"set {FOLDER_VARIABLE} to one that can"
        ) from error
    # In a folder that others may write to, somebody else could wait for us under our name.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ConfigurationError(
            f"live: {folder} must be a folder of this user that nobody else can write to; "
            f"remove it, or set {FOLDER_VARIABLE} to another one"
        )
    for path in folder.glob(f"*{SUFFIX}"):
        if is_stale(path):
            path.unlink(missing_ok=True)


def is_stale(path: Path) -> bool:
    """Whether nobody listens at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        except OSError:
            return False  # busy, or not ours to judge
    return False
