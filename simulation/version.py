"""The version, written here alone: the build, the command and results read it from here.

The module imports nothing, so that every other one can import it.
"""

__all__ = ["__version__"]

__version__ = "0.3.0"
