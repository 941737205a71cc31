"""An off-screen OpenGL context: EGL where the machine has it, OSMesa otherwise, one sentence when it has neither."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import os
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from f2o_sim.errors import GraphicsError

OSMESA_RGBA = 0x1908  # GL_RGBA
GL_UNSIGNED_BYTE = 0x1401
DEPTH_BITS, STENCIL_BITS = 24, 8


@runtime_checkable
class OffscreenContext(Protocol):
    """The interface of MuJoCo's contexts. A context belongs to the thread that made it current."""

    def make_current(self) -> None:
        """Draw with it from the calling thread on."""

    def free(self) -> None:
        """Give its resources back."""


def open_context(width: int, height: int) -> OffscreenContext:
    """A context that is current in the calling thread.

    Raises:
        GraphicsError: no library can draw off screen; the text has each one's error.
    """
    # Mesa's software renderer: its helper threads cost more CPU than they save on images this small.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    attempts = []
    for name, open_one in _BACKENDS:
        try:
            context = open_one(width, height)
            context.make_current()
            return context
        # A missing library shows as ImportError, AttributeError or OSError, a driver that refuses as RuntimeError or
        # PyOpenGL's GLError (an Exception of its own): every one of them means "try the next".
        except Exception as error:
            attempts.append(f"{name}: {_reason(error)}")
    raise GraphicsError(attempts)


def _reason(error: Exception) -> str:
    if isinstance(error, AttributeError):  # PyOpenGL did not find the library
        return "library not found"
    text = str(error).strip().splitlines()
    return text[0].split(". ")[0] if text else type(error).__name__


def _open_egl(width: int, height: int) -> OffscreenContext:
    return importlib.import_module("mujoco.egl").GLContext(width, height)


def _open_osmesa(width: int, height: int) -> OffscreenContext:
    return _OsMesaContext(width, height)


_BACKENDS: list[tuple[str, Callable[[int, int], OffscreenContext]]] = [
    ("EGL", _open_egl),
    ("OSMesa", _open_osmesa),
]


class _OsMesaContext:
    """OSMesa by ctypes: PyOpenGL binds one platform a process, and by now that is EGL."""

    def __init__(self, width: int, height: int) -> None:
        path = ctypes.util.find_library("OSMesa")
        if path is None:
            raise OSError("library not found")
        self._library = ctypes.CDLL(
            path, mode=ctypes.RTLD_GLOBAL
        )  # global: mujoco looks its loader up by name
        create = self._library.OSMesaCreateContextExt
        create.restype, create.argtypes = (
            ctypes.c_void_p,
            [ctypes.c_uint, *[ctypes.c_int] * 3, ctypes.c_void_p],
        )
        self._context = create(OSMESA_RGBA, DEPTH_BITS, STENCIL_BITS, 0, None)
        if not self._context:
            raise RuntimeError("cannot create a context")
        self._size = (width, height)
        self._buffer = (ctypes.c_ubyte * (width * height * 4))()

    def make_current(self) -> None:
        current = self._library.OSMesaMakeCurrent
        current.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_int]
        if not current(self._context, self._buffer, GL_UNSIGNED_BYTE, *self._size):
            raise RuntimeError("cannot make the context current")

    def free(self) -> None:
        if self._context:
            self._library.OSMesaDestroyContext.argtypes = [ctypes.c_void_p]
            self._library.OSMesaDestroyContext(self._context)
            self._context = None
