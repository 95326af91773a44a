"""An ordinary process that has some objects and waits."""

import sys

held = [{"number": number} for number in range(1000)]
print("ready", flush=True)
sys.stdin.read()
