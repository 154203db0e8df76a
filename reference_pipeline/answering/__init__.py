"""Answering questions: from the user's notes, by a local Ollama or by Ollama Cloud.

This module only marks the package. `ollama` is imported by `ollama_answerer` alone.
"""
