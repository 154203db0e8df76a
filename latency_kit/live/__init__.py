"""Looking into a running process from another one: a socket of the local machine, and what goes over it.

Off unless asked for (`configure(live=True)`). What is gathered is the configuration's affair, what is
drawn the command line's.
"""

from latency_kit.live.client import LiveConnection, RunningProcess, connect, running_processes
from latency_kit.live.frame import LiveFrame, LiveSeries, frame_from_data

__all__ = [
    "LiveConnection",
    "LiveFrame",
    "LiveSeries",
    "RunningProcess",
    "connect",
    "frame_from_data",
    "running_processes",
]
