"""Blender belongs to one thread: calls from any are done on it, and it ends in order."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.blender

START = """
import sys, threading
from scene.blender.session import Session
from scene.blender.thread import on_blenders_thread, use_own_thread
from scene.errors import ThreadError
from scene.machine.resources import Resources

def reset():
    with Session(Resources(cpus=1)).captured():
        pass
    print("reset on", threading.current_thread().name)

def elsewhere(function):
    thread = threading.Thread(target=function, name="worker")
    thread.start()
    thread.join()
"""


def output(code: str) -> list[str]:
    """Return the lines that a script prints; it has to end in order and silently."""
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=dict(os.environ),  # not what native code has set in this process
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_calls_from_any_thread_are_done_on_blender_s_own() -> None:
    code = """
call = lambda: on_blenders_thread(reset)
elsewhere(call)
elsewhere(call)
call()
elsewhere(call)
"""
    assert output(code) == ["reset on Blender"] * 4


def test_the_main_thread_can_leave_blender_to_a_thread_of_its_own() -> None:
    code = """
use_own_thread()
on_blenders_thread(reset)
elsewhere(lambda: on_blenders_thread(reset))
"""
    assert output(code) == ["reset on Blender"] * 2


def test_an_error_is_raised_where_the_call_came_from() -> None:
    code = """
use_own_thread()
try:
    on_blenders_thread(lambda: 1 / 0)
except ZeroDivisionError:
    print(on_blenders_thread(lambda: on_blenders_thread(lambda: "and calls go on")))
"""
    assert output(code) == ["and calls go on"]


@pytest.mark.parametrize("first", ["reset()", "import bpy"])
def test_a_blender_of_the_main_thread_is_used_there_and_refused_elsewhere(first: str) -> None:
    code = f"""
from scene.machine.libraries import load_libraries
load_libraries()
{first}
use_own_thread()
on_blenders_thread(reset)

def refused():
    try:
        on_blenders_thread(reset)
    except ThreadError as error:
        print(error)

elsewhere(refused)
"""
    lines = output(code)
    assert set(lines[:-1]) == {"reset on MainThread"}
    assert lines[-1].startswith(
        "Blender belongs to the thread 'MainThread' and would crash on 'worker'; call from there"
    )
