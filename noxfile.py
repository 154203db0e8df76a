# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2024.10"]
# ///
"""Automation: `python3 noxfile.py demo` runs the assistant, `python3 noxfile.py check` passes the tests.

Started so, with nothing but Python at hand, this file sets up nox in a virtual environment of its own and
goes on there; what follows the session's name goes to the session. With nox installed,
`nox -s tests lint perf docs examples` does the same as ever.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOX = "nox>=2024.10"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

SYSTEM_PACKAGES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "flite": ("flite",),
}
"""Debian packages that pip cannot give the tests, each with the programs of which one must be found."""

NEEDS_AN_EXTRA = ("cli", "export", "report", "tracing")
"""Folders of tests/latency_kit whose tests import an extra; all others pass with the base dependencies."""

ONE_BY_ONE = ("load", "performance", "reference_pipeline/end_to_end")
"""Folders of tests that need the machine to themselves: they measure, or take their time from recordings
played at the pace they were spoken in."""

ON_ONE_PYTHON = (*ONE_BY_ONE, "repository")
"""Folders of tests that `check` runs on the oldest Python only; all others pass on the newest too.
`nox -s tests` runs all tests on these two and on those between them."""

SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
"""Options of pytest-xdist: two files at a time, each whole in one process."""

LOWEST_EXTRAS = ("otlp", "cli", "report", "profile", "assistant")
"""Extras whose lower bounds are tested."""


def bootstrap() -> None:
    """Install nox into `.nox/bootstrap` and run there the sessions that the command line names."""
    home = ROOT / ".nox" / "bootstrap"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    probe = [python, "-c", "import nox"]
    if not python.exists() or subprocess.run(probe, check=False, capture_output=True).returncode != 0:
        print("setting up nox in .nox/bootstrap ...", flush=True)
        make_environment(home)
        subprocess.run([python, "-m", "pip", "install", "--quiet", NOX], check=True)
    words = sys.argv[1:]
    names = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    sessions, rest = words[:names], words[names:]
    if sessions and rest and rest[0] != "--":
        rest = ["--", *rest]
    command = ["-s", *sessions, *rest] if sessions else rest or ["--list"]
    sys.exit(subprocess.run([python, "-m", "nox", "-f", __file__, *command], check=False).returncode)


def make_environment(home: Path) -> None:
    """Create a virtual environment with pip; where Debian has split that off, install it if we may."""
    for last_try in (False, True):
        try:
            venv.create(home, clear=True, with_pip=True, symlinks=os.name != "nt")
        except (OSError, subprocess.CalledProcessError) as error:
            if last_try or not may_install_system_packages():
                sys.exit(
                    f"this Python cannot make virtual environments ({error}); "
                    "on Debian and Ubuntu: apt-get install python3-venv"
                )
            install_system_packages("python3-venv")
        else:
            return


def may_install_system_packages() -> bool:
    """Tell whether this is a Debian, and we its root."""
    return shutil.which("apt-get") is not None and hasattr(os, "geteuid") and os.geteuid() == 0


def install_system_packages(*packages: str) -> None:
    """Install Debian packages."""
    print(f"installing {', '.join(packages)} ...", flush=True)
    silent = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], check=True, env=silent, stdout=subprocess.DEVNULL)


if sys.version_info < (3, 11):  # noqa: UP036  # whoever starts this file may have an older one
    sys.exit(f"latency-kit needs Python 3.11 or newer, this is {sys.version.split()[0]}; try python3.11 ...")
if __name__ == "__main__":
    bootstrap()

import nox  # noqa: E402  # only there once `bootstrap` has started this file anew


def let_pyenv_show_all_versions() -> None:
    """Choose all of pyenv's versions at once, since otherwise its python3.12 refuses to start beside 3.11.

    A choice that is there already need not be a person's: pyenv makes one when it starts a Python.
    """
    if shutil.which("pyenv") is None:
        return
    listed = subprocess.run(["pyenv", "versions", "--bare"], check=False, capture_output=True, text=True)
    versions = [name for name in listed.stdout.split() if name.startswith(PYTHONS)]
    if versions:
        os.environ["PYENV_VERSION"] = ":".join(versions)


def found_pythons() -> list[str]:
    """Return the versions whose interpreter can be started here, the oldest first."""
    found = []
    for version in PYTHONS:
        program = shutil.which(f"python{version}")
        if program is None:
            continue
        started = subprocess.run([program, "-c", "import venv"], check=False, capture_output=True)
        if started.returncode == 0:
            found.append(version)
    return found or [f"{sys.version_info.major}.{sys.version_info.minor}"]


let_pyenv_show_all_versions()
FOUND = found_pythons()
OLDEST, NEWEST = FOUND[0], FOUND[-1]

nox.needs_version = NOX.removeprefix("nox")
nox.options.sessions = ["check"]
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=OLDEST)
def demo(session: nox.Session) -> None:
    """Replay the bundled interview in real time, answer its questions, print the report."""
    install(session, "assistant")
    session.run("reference-pipeline", "demo", *session.posargs)


@nox.session(python=list(dict.fromkeys((NEWEST, OLDEST))))
def check(session: nox.Session) -> None:
    """Do all that CI does: tests, lint, documents, examples, and the library without its extras."""
    install(session, "dev")
    if session.python == OLDEST:
        attempt(session, run_lint, run_without_extras, run_tests_side_by_side, run_tests_one_by_one)
    else:
        run_tests(session, *SIDE_BY_SIDE, *(f"--ignore=tests/{folder}" for folder in ON_ONE_PYTHON))


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Run the test suite on every Python found."""
    install(session, "dev")
    run_tests(session)


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style, types and the floors' import contracts."""
    install(session, "dev")
    run_lint(session)


@nox.session(python=OLDEST)
def no_extras(session: nox.Session) -> None:
    """Install the wheel without extras into an empty environment, and use and test it there."""
    session.install("build")
    run_without_extras(session)


@nox.session(python=OLDEST)
def lowest(session: nox.Session) -> None:
    """Run the suite with the lowest versions of the dependencies that we allow."""
    session.install("-e", ".", *lowest_versions(), "hypothesis", "markdown-it-py", "pytest")
    session.run("pytest", "tests/latency_kit", "tests/reference_pipeline", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Run every snippet of the README and the docs; check every link and command in them."""
    install(session, "dev")
    session.run("pytest", "tests/repository/documents", *session.posargs)


@nox.session(python=OLDEST)
def examples(session: nox.Session) -> None:
    """Run the programs in examples/."""
    install(session, "dev")
    session.run("pytest", "tests/repository/test_examples.py", *session.posargs)


@nox.session(python=OLDEST)
def perf(session: nox.Session) -> None:
    """Hold latencies to budgets, our overhead to its bars and both to the baseline; write the reports."""
    install(session, "dev")
    session.run("python", "tests/performance/perf_run.py", *session.posargs)


@nox.session(python=OLDEST)
def showing(session: nox.Session) -> None:
    """Measure the display: from the send to the paint in Chromium, and what fifty viewers cost."""
    install(session, "dev")
    session.run("python", "tests/performance/showing.py", *session.posargs)


@nox.session(python=OLDEST)
def load(session: nox.Session) -> None:
    """Put a load of real-time speech on the assistant: `nox -s load -- --profile W`."""
    install(session, "dev")
    session.run("python", "tests/load/run_load.py", *session.posargs)


@nox.session(name="train-questions", python=OLDEST)
def train_questions(session: nox.Session) -> None:
    """Train the network that detects questions anew, and score it."""
    install(session, "dev")
    session.run(
        "python",
        "-m",
        "reference_pipeline.questions.training.train",
        *session.posargs,
        env={"OMP_NUM_THREADS": "1"},
    )
    session.run("python", "tests/performance/question_scores.py", "--all", "--talk")


@nox.session(python=OLDEST)
def soak(session: nox.Session) -> None:
    """Run the assistant for half an hour with faults: `nox -s soak`, or shorter: `-- --minutes 5`."""
    install(session, "dev")
    session.run("python", "tests/load/soak.py", *session.posargs)


@nox.session(python=OLDEST, name="gate-study")
def gate_study(session: nox.Session) -> None:
    """Measure how often `latency-kit gate` cries wolf, and how much it finds, in some 45 minutes."""
    install(session, "dev")
    session.run("python", "tests/performance/gate_study.py", *session.posargs)


def install(session: nox.Session, extra: str) -> None:
    """Install the checkout with an extra, unless this environment has just that already."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = Path(session.virtualenv.location, "installed")
    if not stamp.exists() or stamp.read_text() != wanted:
        session.install("-e", f".[{extra}]")
        stamp.write_text(wanted)


def run_tests_side_by_side(session: nox.Session) -> None:
    """Run what time is not the matter of, file beside file."""
    run_tests(session, *SIDE_BY_SIDE, *(f"--ignore=tests/{folder}" for folder in ONE_BY_ONE))


def run_tests_one_by_one(session: nox.Session) -> None:
    """Run what measures, or takes its time from recordings."""
    run_tests(session, *(f"tests/{folder}" for folder in ONE_BY_ONE))


def run_tests(session: nox.Session, *options: str) -> None:
    """Run the whole suite, or what `options` leave of it."""
    missing = [
        package
        for package, programs in SYSTEM_PACKAGES.items()
        if not any(shutil.which(program) for program in programs)
    ]
    if sys.platform == "linux" and "libportaudio.so.2" not in shared_libraries():
        missing.append("libportaudio2")
    if missing and may_install_system_packages():
        install_system_packages(*missing)
    elif missing:
        session.warn(f"not found: {', '.join(missing)}; the tests that need them are skipped and say so")
    session.run("pytest", "--durations=10", *options, *session.posargs)


def shared_libraries() -> str:
    """Return the linker's list of shared libraries."""
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    return subprocess.run([program, "-p"], check=False, capture_output=True, text=True).stdout


def run_lint(session: nox.Session) -> None:
    """Check format, style, types and imports."""
    commands = (
        ("ruff", "format", "--check", "--quiet", "."),
        ("ruff", "check", "--quiet", "."),
        ("mypy",),
        ("lint-imports", "--no-logo"),
    )
    attempt(session, *(functools.partial(run, command) for command in commands))


def run(command: tuple[str, ...], session: nox.Session) -> None:
    """Run one command."""
    session.run(*command)


def attempt(session: nox.Session, *steps: Callable[[nox.Session], None]) -> None:
    """Do all steps, also after one that failed, since the others are still worth knowing; then say so."""
    failed = 0
    for step in steps:
        try:
            step(session)
        except nox.command.CommandFailed:
            failed += 1
    if failed:
        raise nox.command.CommandFailed(f"{failed} of {len(steps)} steps failed")


def run_without_extras(session: nox.Session) -> None:
    """Build the wheel; use it where nothing but its base dependencies is; run the tests that need no more."""
    # Not nox's own folder for this: temporary files would then lie below the checkout and its settings.
    place = Path(session.virtualenv.location, "without-extras").resolve()
    shutil.rmtree(place, ignore_errors=True)
    session.run("python", "-m", "build", "--wheel", "--outdir", str(place / "wheels"), silent=True)
    session.run("python", "-m", "venv", str(place / "empty"))
    python = str(place / "empty" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    (wheel,) = place.glob("wheels/*.whl")
    pip = (python, "-m", "pip", "install", "--quiet")
    session.run(*pip, str(wheel), external=True)
    session.run(python, "-I", "tests/repository/use_without_extras.py", external=True)
    session.run(*pip, "pytest", "hypothesis", external=True)
    # Away from the checkout, so that the tests meet what was installed.
    suite = shutil.copytree(ROOT / "tests" / "latency_kit", place / "suite" / "tests" / "latency_kit")
    for file in ("pyproject.toml", "tests/conftest.py", "tests/otlp_receiver.py"):
        shutil.copy(ROOT / file, place / "suite" / file)
    with session.chdir(place / "suite"):
        left_out = [f"--ignore={suite / folder}" for folder in NEEDS_AN_EXTRA]
        session.run(python, "-m", "pytest", "-q", *left_out, external=True)


def lowest_versions() -> list[str]:
    """Return the base dependencies and those of the extras, each pinned to its lower bound."""
    import tomllib  # noqa: PLC0415  # an older Python must get as far as the line that refuses it

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [wanted for extra in LOWEST_EXTRAS for wanted in project["optional-dependencies"][extra]]
    wanted = {*project["dependencies"], *extras}
    return sorted(one.replace(">=", "==") for one in wanted if not one.startswith("latency-kit"))
