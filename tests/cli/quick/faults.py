"""Run `up`, and let it fail or die at one moment: MOMENT NUMBER HOW FILE.

MOMENT is "written" or "done", NUMBER counts the steps from 0, HOW is "fail", "end" (SIGTERM) or
"kill". Ends with status 3 if the moment did not come.
"""

import os
import signal
import sys

from wiresnake.cli.quick import asked, up, voice
from wiresnake.cli.quick.voice import Failed
from wiresnake.config.steps import Step

moment, number, how, *words = sys.argv[1:]
seen = 0


def watch(when: str, _step: Step) -> None:
    global seen
    if when != moment:
        return
    seen += 1
    if seen == int(number) + 1:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "end":
            os.kill(os.getpid(), signal.SIGTERM)
        raise Failed("injected")


try:
    up.up(asked.read("up", words), watch)
except KeyboardInterrupt:
    sys.exit(130)
except Failed as failure:
    voice.complain(str(failure))
    sys.exit(1)
sys.exit(3)
