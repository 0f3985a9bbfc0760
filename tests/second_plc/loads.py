"""The loads of a day, read from an online retailer's order file (a reading of our own).

Responsible for which rows are loads, what is printed on their labels and in which groups they are fed. It does not
know the belt.
"""

import csv
import random
import re
from dataclasses import dataclass

ORDERS_IN_A_GROUP = 60
MERCHANDISE = re.compile(r"[0-9]{5}[A-Za-z]{0,2}")


@dataclass
class Load:
    """One load: what stands on its label, its number as a thing, and how often it was put on the belt."""

    label: str
    order: str
    sku: str
    qty: int
    number: int = 0
    attempt: int = 0
    done: bool = False


def read_loads(path: str, limit: int, seed: int) -> list[list[Load]]:
    """Groups of loads, each mixed by lot; at most limit loads in all (0: no limit)."""
    lines_of: dict[str, int] = {}
    group_of: dict[str, int] = {}
    groups: list[list[Load]] = []
    count = 0
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            order = row["InvoiceNo"].strip()
            lines_of[order] = lines_of.get(order, 0) + 1
            quantity, sku = int(row["Quantity"]), row["StockCode"].strip()
            if quantity <= 0 or not MERCHANDISE.fullmatch(sku) or not (row["Description"] or "").strip():
                continue
            if limit and count == limit:
                continue
            count += 1
            group = group_of.setdefault(order, len(group_of) // ORDERS_IN_A_GROUP)
            if group == len(groups):
                groups.append([])
            groups[group].append(Load(f"{order}/{lines_of[order]}", order, sku, quantity, count))
    lot = random.Random(seed)
    for group in groups:
        lot.shuffle(group)
    return groups
