"""Runtime probes, on when asked: what the interpreter and the event loop take from the calls.

    with latency_kit.start_probes(event_loop=True, garbage_collector=True, resident_memory=True):
        ...

Each probe has a file. They find pauses and numbers; what calls were delayed is told in `pauses`.
"""

from latency_kit.measurement.probes.start import Probe, Probes, start_probes

__all__ = ["Probe", "Probes", "start_probes"]
