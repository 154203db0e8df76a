# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2024.10"]
# ///
"""Automation: `python3 noxfile.py demo` runs the assistant, `python3 noxfile.py check` passes the tests.

With nothing but Python at hand this file sets up nox in a virtual environment of its own and goes on
there. With nox installed, `nox -s tests lint perf docs examples` does the same as ever.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEM_PACKAGES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "flite": ("flite",),
}
"""Debian packages that pip cannot give, each with the programs of which one must be found."""


def bootstrap() -> None:
    """Install nox into `.nox/bootstrap` and run the sessions named on the command line there."""
    if sys.version_info < (3, 11):
        sys.exit(f"latency-kit needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    home = ROOT / ".nox" / "bootstrap"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print("setting up nox in .nox/bootstrap ...", flush=True)
        try:
            venv.create(home, with_pip=True, symlinks=os.name != "nt")
        except (OSError, subprocess.CalledProcessError):
            sys.exit("this Python cannot make virtual environments; on Debian: apt-get install python3-venv")
    probe = subprocess.run([python, "-c", "import nox"], check=False, capture_output=True)
    if probe.returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "nox>=2024.10"], check=True)
    sessions = sys.argv[1:] or ["--list"]
    known = [] if sessions[0].startswith("-") else ["-s"]
    separator = ["--"] if "--" not in sessions and any(word.startswith("-") for word in sessions[1:]) else []
    if known and separator:
        sessions = [sessions[0], *separator, *sessions[1:]]
    ended = subprocess.run([python, "-m", "nox", "-f", __file__, *known, *sessions], check=False)
    sys.exit(ended.returncode)


try:
    import nox
except ImportError:
    bootstrap()
    raise  # bootstrap ends the process

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "tests", "no_extras", "docs", "examples"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False


def found_pythons() -> list[str]:
    """Return the versions whose interpreter can be started here (a pyenv shim may be there and refuse)."""
    found = []
    for version in PYTHONS:
        program = shutil.which(f"python{version}")
        if program is None:
            continue
        started = subprocess.run([program, "-c", "import venv"], check=False, capture_output=True)
        if started.returncode == 0:
            found.append(version)
    return found or [f"{sys.version_info.major}.{sys.version_info.minor}"]


FOUND = found_pythons()
NEWEST = FOUND[-1]
OLDEST = FOUND[0]


def system_packages(session: nox.Session) -> None:
    """Install what pip cannot give where that is possible, else say what is missing."""
    missing = [
        package
        for package, programs in SYSTEM_PACKAGES.items()
        if not any(shutil.which(program) for program in programs)
    ]
    if not missing:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        session.run("apt-get", "update", "-qq", external=True)
        session.run("apt-get", "install", "-y", "-qq", *missing, external=True, silent=True)
    else:
        session.warn(f"not found: {', '.join(missing)}; the tests that need them will say so and be skipped")


@nox.session(python=OLDEST)
def demo(session: nox.Session) -> None:
    """Replay the bundled interview in real time and print its report."""
    session.install("-e", ".[assistant]")
    session.run("reference-pipeline", "demo", *session.posargs)


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Run the test suite on every Python found."""
    system_packages(session)
    session.install("-e", ".[dev]")
    session.run("pytest", "--durations=15", *session.posargs)


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style, types and the floors' import contracts."""
    session.install("-e", ".[dev]")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")
