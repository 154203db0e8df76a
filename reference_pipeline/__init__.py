"""The reference voice assistant: from the spoken question to the painted answer, measured by latency_kit.

Uses latency_kit through its public names only; latency_kit knows nothing of it.
"""
