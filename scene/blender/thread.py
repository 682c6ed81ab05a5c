"""The thread that Blender belongs to, which is the one that loads it: on any other it crashes.

A process of our own loads Blender on its main thread. In a notebook or a server, calls can come
from any thread; there Blender has a thread of its own, on which all of its work is done.
"""

from __future__ import annotations

import atexit
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import final

from scene.errors import ThreadError

_ENDS_BLENDER = "_bpy_detect_exit_singleton"
"""Name, in some of bpy's modules, of the object that ends Blender when it is freed."""


@final
class _Thread:
    """Executes what it is given, one call after another, until the interpreter exits."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        # A daemon: Blender has to be ended here, which is later than other threads are joined.
        self.thread = threading.Thread(target=self._work, name="Blender", daemon=True)
        self.thread.start()
        # Whatever bpy itself registers, at its import, comes before this.
        atexit.register(self._end)

    def call[T](self, function: Callable[[], T]) -> T:
        if threading.current_thread() is self.thread:
            return function()
        future: Future[T] = Future()

        def call() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 (raised where the result is awaited)
                future.set_exception(error)

        self._calls.put(call)
        try:
            return future.result()
        except BaseException:
            wait([future])  # Ctrl-C here does not end the call there, which needs what we close
            raise

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
        for module in list(sys.modules.values()):
            getattr(module, "__dict__", {}).pop(_ENDS_BLENDER, None)

    def _end(self) -> None:
        self._calls.put(None)
        self.thread.join()


_own: _Thread | None = None
_home: threading.Thread | None = None
_lock = threading.Lock()


def use_own_thread() -> None:
    """Give Blender a thread of its own from now on, unless it is loaded already."""
    global _own
    with _lock:
        if _own is None and "bpy" not in sys.modules:
            _own = _Thread()


def on_blenders_thread[T](function: Callable[[], T]) -> T:
    """Return what a function that uses Blender returns, or raise what it raises.

    It is executed here, or on Blender's own thread, one call at a time, if Blender has one. The
    first call from any thread but the main one gives it one.
    """
    if threading.current_thread() is not threading.main_thread():
        use_own_thread()
    if _own is None or (_home is None and "bpy" in sys.modules):
        return function()
    return _own.call(function)


def claim_thread() -> None:
    """Make this thread the one that Blender belongs to: its own, or the main thread.

    Raises
    ------
    ThreadError
        If it belongs to another.
    """
    global _home
    here = threading.current_thread()
    home = _home
    if home is None:
        own = _own is not None and here is _own.thread and "bpy" not in sys.modules
        home = here if own else threading.main_thread()
    if home is not here:
        raise ThreadError(
            f"Blender belongs to the thread {home.name!r} and would crash on {here.name!r}; call "
            "from there, or let Blendsweep be the first to import bpy"
        )
    _home = home
