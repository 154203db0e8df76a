"""Training of what the assistant has learned. This module only marks the package."""
