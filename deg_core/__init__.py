"""deg-core: turn videos of animals into ethograms. Imports nothing heavy."""

__version__ = "0.1.0"
