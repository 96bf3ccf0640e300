"""What can go wrong, and what to do about it.

Every error of this package is a `DiscernError` and also the builtin that a caller would expect, so that
both ``except DiscernError`` and ``except ValueError`` work. A message says what is wrong, where (file,
axis, size) and what to do next.
"""


class DiscernError(Exception):
    """Base of every error that this package raises on purpose."""


class BadArgument(DiscernError, ValueError):
    """A value handed in by the caller cannot be used: a shape, an axis, a parameter."""


class BadFile(DiscernError, OSError):
    """A file or folder cannot be used: missing, cut off, of another format."""


class BadModel(BadFile):
    """A model folder cannot be used: a part is missing, cut off, edited or of an unknown version."""


class OutputExists(DiscernError, FileExistsError):
    """The output is already there; nothing was overwritten."""


class DeviceUnavailable(DiscernError, LookupError):
    """The device asked for is not in this machine.

    No RuntimeError, which the threads of the viewer would swallow.
    """


class OutOfMemory(DiscernError, MemoryError):
    """The device or the machine has too little memory for the tile or batch asked for."""


class TrainingFailed(DiscernError, ArithmeticError):
    """Training cannot go on: the loss is no longer a finite number."""


class TileFailed(DiscernError, ArithmeticError):
    """A tile of a volume could not be done, and others would fail alike."""
