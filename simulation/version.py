"""The version, in this one place: the build, the command and what results say of it read it here.

It is a module that imports nothing, so that any other may know the version.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
