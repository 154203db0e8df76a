"""A virtual environment for each version: its dependencies, kept for the next run, and its code, built anew.

An environment is named after the hash of all that decides what is in it: the files that declare dependencies,
what was asked for besides, the interpreter. Versions that declare the same share one. The project itself is
installed beside it, into a folder that comes before it on the import path, so that both versions can.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency_kit.errors import LatencyKitError

__all__ = ["BuildError", "EnvironmentWish", "default_cache", "import_paths", "prepared"]

_DECLARING = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
"""Files that say what a project depends on; the last does where a `dynamic` dependency is read from it."""

_DECLARING_TABLES = ("build-system", "dependency-groups")
_DECLARING_KEYS = ("name", "requires-python", "dependencies", "optional-dependencies", "dynamic")
_TIMEOUT_S = 1800.0


class BuildError(LatencyKitError):
    """An environment could not be made; the message says of which version, and the installer's last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentWish:
    """What an environment is to hold.

    Attributes:
        python: The interpreter that it is made with.
        extras: Extras of the project.
        groups: Dependency groups of its pyproject.toml (PEP 735).
        requirements: What else to install.
        cache: Where environments are kept.
    """

    python: Path = Path(sys.executable)
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    cache: Path


def default_cache() -> Path:
    """Return the folder for environments in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "latency-kit" / "gate"


def import_paths(checkout: Path) -> tuple[Path, ...]:
    """Return where the modules of a checkout are that is not installed: `src` if it is there, and its top."""
    return tuple(path for path in (checkout / "src", checkout) if path.is_dir())


def prepared(
    label: str, checkout: Path, site: Path, wish: EnvironmentWish, *, say: Callable[[str], None]
) -> tuple[Path, tuple[Path, ...]]:
    """Make an environment for a version, or take the one that is there, and install the version's code.

    Args:
        label: `baseline` or `candidate`.
        checkout: The version's files.
        site: The folder to install its code into.
        wish: What the environment is to hold.
        say: Is told what takes long.

    Returns:
        The interpreter and the import path.

    Raises:
        BuildError: Something cannot be installed.
    """
    is_project = (checkout / "setup.py").exists() or "build-system" in _pyproject(checkout)
    environment = wish.cache / _key(checkout, wish)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (environment / "complete").exists():
        say(f"{label}: makes an environment, kept in {environment}")
        _make(label, checkout, environment, wish, is_project=is_project)
    if not is_project:
        return python, import_paths(checkout)
    say(f"{label}: installs its code")
    _install(label, python, ["--no-deps", "--target", str(site), str(checkout)])
    return python, (site,)


def _make(label: str, checkout: Path, environment: Path, wish: EnvironmentWish, *, is_project: bool) -> None:
    """Make an environment that is complete or not there, also where two do so at once."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(environment, ignore_errors=True)
    extras = f"[{','.join(wish.extras)}]" if wish.extras else ""
    wanted = [*([f"{checkout}{extras}"] if is_project else []), *wish.requirements]
    declared = checkout / "pyproject.toml"
    wanted += [word for group in wish.groups for word in ("--group", f"{declared}:{group}")]
    try:
        if _uv() is not None:
            _run(label, [str(_uv()), "venv", "--quiet", "--python", str(wish.python), str(environment)])
        else:
            without = [] if wanted else ["--without-pip"]
            _run(label, [str(wish.python), "-m", "venv", *without, str(environment)])
        python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if wanted:
            _install(label, python, wanted)
        name = _pyproject(checkout).get("project", {}).get("name")
        if is_project and name:
            # It was there for its dependencies; a version's own code must not be found in it.
            _uninstall(label, python, name)
        (environment / "complete").touch()
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise


def _install(label: str, python: Path, arguments: Sequence[str]) -> None:
    uv = _uv()
    if uv is not None:
        _run(label, [uv, "pip", "install", "--quiet", "--python", str(python), *arguments])
    else:
        quiet = ["--quiet", "--disable-pip-version-check"]
        _run(label, [str(python), "-m", "pip", "install", *quiet, *arguments])


def _uninstall(label: str, python: Path, name: str) -> None:
    uv = _uv()
    if uv is not None:
        _run(label, [uv, "pip", "uninstall", "--quiet", "--python", str(python), name])
    else:
        _run(label, [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", name])


def _uv() -> str | None:
    found = shutil.which("uv")
    if found is None:
        return None
    # A shim of pyenv is there for every Python, though uv may be in another one only.
    started = subprocess.run([found, "--version"], check=False, capture_output=True)  # noqa: S603  # no shell
    return found if started.returncode == 0 else None


def _run(label: str, command: Sequence[str]) -> None:
    try:
        ended = subprocess.run(  # noqa: S603  # no shell
            command, check=False, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the environment of the {label} cannot be made: {error}") from error
    if ended.returncode != 0:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        said = " ".join(lines)[-600:] or f"exit code {ended.returncode}"
        raise BuildError(f"the environment of the {label} cannot be made: {said}")


def _key(checkout: Path, wish: EnvironmentWish) -> str:
    project = _pyproject(checkout)
    table = project.get("project", {})
    declared: list[object] = [{key: table.get(key) for key in _DECLARING_KEYS}]
    declared += [project.get(key) for key in _DECLARING_TABLES]
    if "project" not in project or "dependencies" in table.get("dynamic", ()):
        # Who knows where they come from: everything in these files counts.
        declared += [(checkout / name).read_bytes() for name in _DECLARING if (checkout / name).exists()]
    declared += [str(wish.python), wish.extras, wish.groups, wish.requirements, _uv() is not None]
    return hashlib.sha256(repr(declared).encode()).hexdigest()[:20]


def _pyproject(checkout: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
