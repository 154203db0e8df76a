"""Showing: the terminal, and a page in the browser that tells when it has painted what it was sent."""
