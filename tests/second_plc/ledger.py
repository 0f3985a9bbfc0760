"""The ledger: what truly happened to each load, as JSON lines, one per event, flushed.

It is written by the world, never from what the WCS said, so that a journal can be held against it.
"""

import json

from loads import Load


class Ledger:
    """An open ledger file."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "w", encoding="utf-8")

    def write(self, load: Load | None, event: str, plc_epoch: int, item: int, lane: int, result: int,
              at_ms: int) -> None:
        """Adds one line; lane 0 and result 0 mean none; without a load the line is about a lane."""
        line = {
            "label": load.label if load else "", "order": load.order if load else "",
            "sku": load.sku if load else "", "qty": load.qty if load else 0, "plc_epoch": plc_epoch,
            "item": item, "attempt": load.attempt if load else 0, "event": event, "lane": lane, "result": result,
            "at_ms": at_ms, "load": load.number if load else 0,
        }
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
