"""Several sessions in one process: speakers that come over a socket, who is let in, what load takes away.

What one session does with its sound lies below, in `session`; which adapters it works with, in `composition`.
"""
