"""Works every few seconds; `--once` works once and ends."""

import sys
import time

while True:
    print("one piece of work is done", flush=True)
    if "--once" in sys.argv:
        break
    time.sleep(5)
