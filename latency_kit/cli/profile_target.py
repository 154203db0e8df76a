"""What a person names to be profiled: a script with its arguments, or MODULE:FUNCTION."""

import contextlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from latency_kit.errors import UsageError

__all__ = ["ProfileTarget", "find_target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileTarget:
    """Something that can be run.

    Attributes:
        title: For people and file names.
        run: Runs it; a coroutine function returns the coroutine.
        is_coroutine: Whether `run` returns a coroutine.
    """

    title: str
    run: Callable[[], Any]
    is_coroutine: bool


def find_target(target: str, arguments: Sequence[str]) -> ProfileTarget:
    """Find what `target` names.

    A function gets `arguments` as strings; a script finds them in `sys.argv`.

    Raises:
        UsageError: There is no such script, module or function, or it cannot be called so.
    """
    if target.endswith(".py") or (Path(target).is_file() and ":" not in target):
        path = Path(target)
        if not path.is_file():
            raise UsageError(f"there is no script {target}; give a script, or MODULE:FUNCTION")
        code = _compiled(path)
        return ProfileTarget(
            title=path.stem, run=lambda: _run_script(path, code, arguments), is_coroutine=False
        )
    module, _, name = target.partition(":")
    if not module or not name:
        raise UsageError(f"{target!r} is neither a script (NAME.py) nor a function (MODULE:FUNCTION)")
    function = _function(module, name)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise UsageError(
            f"{target} cannot be called with {list(arguments)}: {error}; "
            "options of latency-kit stand before the target, what follows it goes to it"
        ) from error
    except ValueError:
        pass  # a built-in function without a signature finds out by itself
    return ProfileTarget(
        title=f"{module}.{name}",
        run=lambda: function(*arguments),
        is_coroutine=inspect.iscoroutinefunction(inspect.unwrap(function)),
    )


def _function(module: str, name: str) -> Callable[..., Any]:
    if module.startswith("."):
        raise UsageError(f"{module!r} is no module's full name; give MODULE:FUNCTION, such as shop.prices:of")
    with _importing_from_here():
        try:
            found: Any = importlib.import_module(module)
        except ImportError as error:
            raise UsageError(
                f"{module} cannot be imported: {error}; is it in this folder, or installed?"
            ) from error
        except (Exception, SystemExit) as error:  # whatever the module's own code does
            raise UsageError(f"{module} cannot be imported: {_in_a_line(error)}") from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise UsageError(f"{module} has no function {name!r}")
    function: Callable[..., Any] = found
    return function


def _in_a_line(error: BaseException) -> str:
    """Say what was raised, and by which line."""
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    if isinstance(error, SyntaxError):
        return said  # which tells file and line itself
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{said} ({Path(last.filename).name}, line {last.lineno})"


@contextlib.contextmanager
def _importing_from_here() -> Iterator[None]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    yield


def _compiled(path: Path) -> CodeType:
    try:
        return compile(path.read_bytes(), str(path.resolve()), "exec")
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path} cannot be run: {error}") from error


def _run_script(path: Path, code: CodeType, arguments: Sequence[str]) -> None:
    """Run a script as `python SCRIPT` does, with as little as possible of our own around it."""
    module = ModuleType("__main__")
    module.__dict__.update(__file__=code.co_filename, __builtins__=__builtins__)
    before = sys.argv, sys.path[0], sys.modules["__main__"]
    sys.argv = [str(path), *arguments]
    sys.path[0] = os.path.dirname(code.co_filename)  # noqa: PTH120  # a string is wanted, and is profiled
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)  # noqa: S102  # the script that the person named
    finally:
        sys.argv, sys.path[0], sys.modules["__main__"] = before
