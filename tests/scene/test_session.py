"""Blender inside a worker: the session, its log, its device."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from scene.blender.devices import GPU_BACKENDS, select_device
from scene.errors import DeviceError
from scene.machine.resources import Resources

if TYPE_CHECKING:
    from scene.blender.session import Session


class StandInPreferences:
    """Cycles' preferences on a machine with the given GPUs: backend to names."""

    def __init__(self, found: dict[str, list[str]], unknown: tuple[str, ...] = ()) -> None:
        self._found = found
        self._unknown = unknown
        self._type = "NONE"
        self.devices: list[SimpleNamespace] = []

    @property
    def compute_device_type(self) -> str:
        return self._type

    @compute_device_type.setter
    def compute_device_type(self, value: str) -> None:
        if value in self._unknown:
            raise TypeError(f"enum {value!r} not found")
        self._type = value

    def refresh_devices(self) -> None:
        names = self._found.get(self._type, [])
        self.devices = [SimpleNamespace(name="A CPU", type="CPU", use=True)]
        self.devices += [SimpleNamespace(name=n, type=self._type, use=False) for n in names]


def test_without_a_reserved_gpu_the_cpu_renders() -> None:
    preferences = StandInPreferences({"CUDA": ["Card"]})
    assert select_device(preferences, 0.0) == "CPU"
    assert preferences.compute_device_type == "NONE"


def test_optix_comes_before_cuda() -> None:
    preferences = StandInPreferences({"CUDA": ["Card"], "OPTIX": ["Card (OptiX)"]})
    assert select_device(preferences, 0.5) == "Card (OptiX)"
    assert [device.use for device in preferences.devices] == [False, True]


def test_an_interface_this_blender_lacks_is_passed_over() -> None:
    preferences = StandInPreferences({"HIP": ["One", "Two", "Three"]}, ("OPTIX", "CUDA"))
    assert select_device(preferences, 2.0) == "One, Two"
    assert [device.use for device in preferences.devices] == [False, True, True, False]


@pytest.mark.parametrize(("found", "count"), [({}, "none"), ({"CUDA": ["Card"]}, "1")])
def test_a_reserved_gpu_that_is_not_there_is_an_error(
    found: dict[str, list[str]], count: str
) -> None:
    with pytest.raises(DeviceError, match=f"2 GPU reserved .* Cycles finds {count} "):
        select_device(StandInPreferences(found, GPU_BACKENDS[2:]), 2.0)


@pytest.mark.usefixtures("session")
def test_blender_itself_refuses_a_gpu_that_is_not_there() -> None:
    import bpy

    preferences = bpy.context.preferences.addons["cycles"].preferences
    preferences.refresh_devices()
    if any(device.type != "CPU" for device in preferences.devices):
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError) as raised:
        select_device(preferences, 1.0)
    preferences.compute_device_type = "NONE"
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_the_session_fixes_threads_and_leaves_the_search_path_alone(session: Session) -> None:
    import bpy

    assert session.device == "CPU"
    assert session.bpy_version.startswith("5.2")
    assert session.resident_mb() > 50
    assert not any("bpy" in Path(folder).parts for folder in sys.path)
    for _ in range(2):
        scene = bpy.context.scene
        scene.render.threads = 1
        scene.collection.objects.link(bpy.data.objects.new("Left over", None))
        session.reset()
        scene = bpy.context.scene
        assert (scene.render.threads_mode, scene.render.threads) == ("FIXED", 2)
        assert scene.cycles.device == "CPU"
        assert len(bpy.data.objects) == 0
        assert not bpy.context.preferences.edit.use_global_undo


def test_what_native_code_prints_is_captured(session: Session) -> None:
    with session.captured() as log:
        os.write(1, b"from C\n")
        os.write(2, b"and errors\n")
        assert "from C" in log.text
    assert {"from C", "and errors"} <= set(log.text.splitlines())


def test_what_other_threads_print_meanwhile_goes_where_it_went() -> None:
    code = (
        "import os, sys, threading\n"
        "from scene.blender.capture import captured_output\n"
        "def elsewhere(text):\n"
        "    thread = threading.Thread(target=print, args=[text])\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "elsewhere('before')\n"
        "with captured_output() as log:\n"
        "    os.write(1, b'from C\\n')\n"
        "    elsewhere('meanwhile')\n"
        "    print('own')\n"
        "    assert 'own' in log.text\n"
        "    elsewhere('later')\n"
        "elsewhere('after')\n"
        "assert log.text.split() == ['from', 'C', 'own'], log.text\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["before", "meanwhile", "later", "after"]


def test_a_closed_pipe_does_no_harm() -> None:
    code = (
        "import os, sys\n"
        "from scene.blender.capture import captured_output\n"
        "with captured_output() as log:\n"
        "    os.write(1, b'inside')\n"
        "    sys.stdout.write(' as Python is')\n"
        "assert log.text == 'inside as Python is'\n"
        "os.close(1)\n"
        "with captured_output() as log:\n"
        "    os.write(1, b'again')\n"
        "assert 'again' in log.text\n"
        "os._exit(42)\n"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, timeout=30, check=False)
    os.close(write)
    assert done.returncode == 42


def test_reservations_round_down_to_whole_threads() -> None:
    assert [Resources(cpus=c).threads for c in (0.5, 1.0, 2.7)] == [1, 1, 2]
