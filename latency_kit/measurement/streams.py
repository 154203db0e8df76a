"""Measured generators and async generators: PEP 380 and PEP 525 in one place, with the clock around them.

A stream is measured from its first `next` to its end. Its span is current only while its body runs:
context is never held across a `yield`, where the consumer's code (perhaps another task) runs. What is
counted meanwhile lives in `running_stream`.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec

from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.open_call import open_call
from latency_kit.measurement.running_stream import RunningStream, StreamSeries

__all__ = ["measured_async_generator", "measured_generator"]

P = ParamSpec("P")


def measured_generator(site: CallSite, function: Callable[P, Generator[Any, Any, Any]]) -> Callable[P, Any]:
    """Return the generator function `function` measured; `send`, `throw` and `close` reach its body.

    Beside the calls themselves (`x`) it gives the series `x.first_item`, `x.gap`, `x.body` and `x.consumer`
    (see `RunningStream`).
    """
    series = StreamSeries(site)

    def measured(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, Any]:
        body = function(*args, **kwargs)
        call = open_call(site)
        if call is None:
            return (yield from body)
        stream = RunningStream(call, series)
        resume: Callable[[Any], Any] = body.send
        argument: Any = None
        while True:
            stream.enter_body()
            try:
                item = resume(argument)
            except StopIteration as stop:
                stream.end()
                return stop.value
            except BaseException as error:
                stream.end_with(error)
                raise
            stream.leave_body()
            try:
                argument = yield item
            except GeneratorExit as left:
                _close(stream, body)
                stream.end_with(left)
                raise
            except BaseException as thrown:  # noqa: BLE001  # the body decides what to do with it
                resume, argument = body.throw, thrown
            else:
                resume = body.send

    return measured


def measured_async_generator(  # noqa: C901  # all ways out of a stream, in one place
    site: CallSite, function: Callable[P, AsyncGenerator[Any, Any]]
) -> Callable[P, AsyncGenerator[Any, Any]]:
    """Return the async generator function `function` measured; series as for `measured_generator`."""
    series = StreamSeries(site)

    async def measured(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, Any]:  # noqa: C901  # as above
        body = function(*args, **kwargs)
        call = open_call(site)
        stream = None if call is None else RunningStream(call, series)
        resume: Callable[[Any], Any] = body.asend
        argument: Any = None
        while True:
            if stream is not None:
                stream.enter_body()
            try:
                item = await resume(argument)
            except StopAsyncIteration:
                if stream is not None:
                    stream.end()
                return
            except BaseException as error:
                if stream is not None:
                    stream.end_with(error)
                raise
            if stream is not None:
                stream.leave_body()
            try:
                argument = yield item
            except GeneratorExit as left:
                await _aclose(stream, body)
                if stream is not None:
                    stream.end_with(left)
                raise
            except BaseException as thrown:  # noqa: BLE001  # the body decides what to do with it
                resume, argument = body.athrow, thrown
            else:
                resume = body.asend

    return measured


def _close(stream: RunningStream, body: Generator[Any, Any, Any]) -> None:
    """Let the body clean up, as its consumer has left it early; what it raises instead ends the stream."""
    stream.enter_body()
    try:
        body.close()
    except BaseException as error:
        stream.end_with(error)
        raise


async def _aclose(stream: RunningStream | None, body: AsyncGenerator[Any, Any]) -> None:
    if stream is None:
        await body.aclose()
        return
    stream.enter_body()
    try:
        await body.aclose()
    except BaseException as error:
        stream.end_with(error)
        raise
