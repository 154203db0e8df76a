"""From sound to utterances: sources, preprocessing, gate, voice activity, endpointing, and the listener.

Nothing is imported here, so that taking one of them does not pull in the packages of the others.
"""
