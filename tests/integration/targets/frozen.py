"""gc.freeze() has put everything made so far into the permanent generation."""

import gc
import json
import sys

made = [{"number": number, "list": [number]} for number in range(1000)]
gc.collect()
gc.freeze()
after = [[number] for number in range(100)]
print(
    json.dumps({"frozen": gc.get_freeze_count(), "object": id(made[0]), "later": id(after[0])}),
    flush=True,
)
sys.stdin.read()
