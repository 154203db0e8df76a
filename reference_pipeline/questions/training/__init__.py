"""Training of question detection and of completeness. This module only marks the package."""
