"""The sensor's process replaces itself."""
import subprocess
import sys

import pytest
from support import REPOSITORY

PROGRAM = """
import eventlet
eventlet.monkey_patch(os=True, select=True, socket=True, thread=True, time=True)
import os, sys
sys.path.insert(0, {sensors!r})
from stackstorm.sensor_process import inherited_config, restart
print(os.getpid(), sys.argv[1:], flush=True)
print(len(str(inherited_config())), inherited_config(), flush=True)
if not os.path.exists({once!r}):
    open({once!r}, "w").close()
    restart({{"api_key": "x" * 100000}})
print("ends")
"""


@pytest.mark.parametrize("program, starts", [("sensor_wrapper.py", 2), ("sandbox.py", 1)])
def test_with_its_arguments_where_it_is_stackstorms_wrapper(tmp_path, program, starts):
    (tmp_path / program).write_text(PROGRAM.format(
        sensors=str(REPOSITORY / "sensors"), once=str(tmp_path / "once")))
    ended = subprocess.run([sys.executable, str(tmp_path / program), "--pack=hipchat", "a b"],
                           stdout=subprocess.PIPE, universal_newlines=True, timeout=60, check=True)
    lines = ended.stdout.splitlines()
    config = len(str({"api_key": "x" * 100000}))
    assert lines[:-1] == [lines[0], "4 None", lines[0], f"{config} None"][:2 * starts]
    assert lines[0].endswith("['--pack=hipchat', 'a b']")
