"""Loggers with MXNet's line: a coloured letter for the level, the time, the process and the place."""

import logging
import warnings
from logging import CRITICAL, DEBUG, ERROR, INFO, NOTSET, WARNING

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger"]

_RED, _GREEN, _BLUE = "\x1b[31m", "\x1b[32m", "\x1b[34m"


class _Formatter(logging.Formatter):
    """Lines like ``W0505 00:29:47 3525 train.py:main:1] message``, the part before the message in colour."""

    def __init__(self):
        super().__init__(
            "%(mark)s%(asctime)s %(process)d %(pathname)s:%(funcName)s:%(lineno)d]\x1b[0m %(message)s",
            datefmt="%m%d %H:%M:%S",
        )

    def format(self, record):
        colour = _RED if record.levelno >= WARNING else _GREEN if record.levelno >= INFO else _BLUE
        known = record.levelno in (CRITICAL, ERROR, WARNING, INFO, DEBUG)
        record.mark = colour + (logging.getLevelName(record.levelno)[0] if known else "U")
        return super().format(record)


def getLogger(name=None, filename=None, filemode=None, level=WARNING):
    """A deprecated name of `get_logger`."""
    warnings.warn("getLogger is deprecated, Use get_logger instead.", DeprecationWarning, stacklevel=2)
    return get_logger(name, filename, filemode, level)


def get_logger(name=None, filename=None, filemode=None, level=WARNING):
    """A logger that writes MXNet's lines.

    Parameters
    ----------
    name : str, optional
        Name of the logger. The first call for a name sets it up; without a name it is the root logger as it is.
    filename : str, optional
        A file to write to, without colours and marks, instead of standard error.
    filemode : str, optional
        How to open the file, by default ``'a'``.
    level : int
        The lowest level that is written.

    Returns
    -------
    logging.Logger
    """
    logger = logging.getLogger(name)
    if name is None or getattr(logger, "_init_done", False):
        return logger
    logger._init_done = True
    if filename:
        handler = logging.FileHandler(filename, filemode or "a")
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(_Formatter())
    logger.addHandler(handler)
    logger.setLevel(level)
    return logger
