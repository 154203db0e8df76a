"""Question detection on text as recognisers print it. This module only marks the package."""
