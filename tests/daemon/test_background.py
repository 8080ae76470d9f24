"""Forks in a program of its own: a test's process has threads, which fork does not copy."""

import subprocess
import sys
import textwrap

PROLOGUE = """
import os, sys, time
from wiresnake.daemon.background import in_background
from wiresnake.daemon.options import CannotStart
"""


def start(body, **more):
    program = PROLOGUE + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, **more
    )


def test_the_parent_returns_when_the_child_is_ready_and_the_streams_are_let_go(tmp_path):
    done = tmp_path / "done"
    result = start(
        f"""
        def serve(ready):
            ready()
            print("nobody reads this", flush=True)
            while not os.path.exists({str(done)!r}):
                time.sleep(0.01)
            return 0
        in_background(serve, keep_stderr=False)
        print("the parent goes on")
        """
    )
    # capture_output returns only when every holder of the pipes is gone: the child let go of them.
    assert (result.returncode, result.stdout, result.stderr) == (0, "the parent goes on\n", "")
    done.touch()


def test_standard_error_is_kept_for_a_log(tmp_path):
    result = start(
        """
        def serve(ready):
            ready()
            sys.stderr.write("a line of the log")
            return 0
        in_background(serve, keep_stderr=True)
        """
    )
    assert result.stderr == "a line of the log"


def test_what_the_child_could_not_do_is_the_parents_error():
    result = start(
        """
        def serve(ready):
            raise CannotStart("no way in")
        try:
            in_background(serve, keep_stderr=False)
        except CannotStart as error:
            print(error, os.getpid() == os.getpgrp() or "same")
        """
    )
    assert result.stdout.startswith("no way in")
    assert result.stderr == ""


def test_a_child_that_dies_is_not_waited_for():
    result = start(
        """
        def serve(ready):
            os._exit(7)
        try:
            in_background(serve, keep_stderr=False)
        except CannotStart as error:
            print(error)
        """
    )
    assert result.stdout == "ended before it was ready\n"


def test_the_child_has_a_session_of_its_own():
    result = start(
        """
        def serve(ready):
            if os.getsid(0) != os.getpid():
                raise CannotStart("still in the session of the parent")
            ready()
            return 0
        in_background(serve, keep_stderr=False)
        """
    )
    assert (result.returncode, result.stderr) == (0, "")
