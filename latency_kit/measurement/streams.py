"""Measured generators and async generators.

A stream is measured from its first `next` to its end. Its span is current only while its body runs:
context is never held across a `yield`, where the consumer's code (perhaps another task) runs.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec

from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.open_call import OpenCall, open_call

__all__ = ["measured_async_generator", "measured_generator"]

P = ParamSpec("P")


def measured_generator(site: CallSite, function: Callable[P, Generator[Any, Any, Any]]) -> Callable[P, Any]:
    """Return the generator function `function` measured; `send`, `throw` and `close` reach its body."""

    def measured(  # the cases of PEP 380, in one place
        *args: P.args, **kwargs: P.kwargs
    ) -> Generator[Any, Any, Any]:
        body = function(*args, **kwargs)
        call = open_call(site)
        if call is None:
            return (yield from body)
        resume: Callable[[], Any] = body.__next__
        while True:
            try:
                item = _step(call, resume)
            except StopIteration as stop:
                call.end()
                return stop.value
            except BaseException as error:
                call.end_with(error)
                raise
            try:
                sent = yield item
            except GeneratorExit as left:
                # The consumer has left early: the body may still clean up, as in PEP 380.
                try:
                    _step(call, body.close)
                except BaseException as error:
                    call.end_with(error)
                    raise
                call.end_with(left)
                raise
            except BaseException as thrown:  # noqa: BLE001  # the body decides what to do with it
                resume = _thrower(body, thrown)
            else:
                resume = body.__next__ if sent is None else _sender(body, sent)

    return measured


def measured_async_generator(  # noqa: C901  # the cases of PEP 380, in one place
    site: CallSite, function: Callable[P, AsyncGenerator[Any, Any]]
) -> Callable[P, AsyncGenerator[Any, Any]]:
    """Return the async generator function `function` measured, closing included."""

    async def measured(  # noqa: C901  # as above
        *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[Any, Any]:
        body = function(*args, **kwargs)
        call = open_call(site)
        resume: Callable[[], Any] = body.__anext__
        while True:
            try:
                item = await _async_step(call, resume)
            except StopAsyncIteration:
                if call is not None:
                    call.end()
                return
            except BaseException as error:
                if call is not None:
                    call.end_with(error)
                raise
            try:
                sent = yield item
            except GeneratorExit as left:
                try:
                    await _async_step(call, body.aclose)
                except BaseException as error:
                    if call is not None:
                        call.end_with(error)
                    raise
                if call is not None:
                    call.end_with(left)
                raise
            except BaseException as thrown:  # noqa: BLE001  # the body decides what to do with it
                resume = _async_thrower(body, thrown)
            else:
                resume = body.__anext__ if sent is None else _async_sender(body, sent)

    return measured


def _step(call: OpenCall, resume: Callable[[], Any]) -> Any:
    call.activate()
    try:
        return resume()
    finally:
        call.deactivate()


async def _async_step(call: OpenCall | None, resume: Callable[[], Any]) -> Any:
    if call is None:
        return await resume()
    call.activate()
    try:
        return await resume()
    finally:
        call.deactivate()


def _sender(body: Generator[Any, Any, Any], sent: Any) -> Callable[[], Any]:
    return lambda: body.send(sent)


def _thrower(body: Generator[Any, Any, Any], thrown: BaseException) -> Callable[[], Any]:
    return lambda: body.throw(thrown)


def _async_sender(body: AsyncGenerator[Any, Any], sent: Any) -> Callable[[], Any]:
    return lambda: body.asend(sent)


def _async_thrower(body: AsyncGenerator[Any, Any], thrown: BaseException) -> Callable[[], Any]:
    return lambda: body.athrow(thrown)
