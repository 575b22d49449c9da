"""nmt: train your own translator with attention."""

__version__ = "0.1.0"
