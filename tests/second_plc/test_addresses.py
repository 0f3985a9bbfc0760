"""Looks up each register this PLC uses in the README of the profile: same name, same address, same length.

Run it with `python3 tests/second_plc/test_addresses.py`. The README is the only file of the project it opens.
"""

import pathlib
import re
import unittest

import page as p

README = pathlib.Path(__file__).resolve().parents[2] / "protocol-specs" / "wcs-sorter-hs" / "README.md"
TABLE = re.compile(r"<!-- table: (?:block|slot) ([a-z_ ]+) -->\n(.*?)<!-- end table -->", re.S)
TABLE_OF = {
    "header": "header", "statics": "statics", "lanes": "lanes", "event": "event_slot", "scan": "event_slot scan",
    "scan_more": "event_slot scan_more", "exit": "event_slot exit", "lane": "event_slot lane",
    "state": "event_slot state", "command_reject": "event_slot command_reject", "control": "control",
    "command": "command_slot",
}


def span(cell: str) -> tuple[int, int]:
    """First and last address of a cell such as "5", "20, 21" or "64 to 127"."""
    numbers = [int(number) for number in re.findall(r"\d+", cell)]
    return numbers[0], numbers[-1]


def rows(text: str) -> dict[str, dict[str, tuple[int, int]]]:
    """Addresses by table and name, as the README prints them."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for table, body in TABLE.findall(text):
        for line in body.splitlines()[2:]:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            # A slot's row begins with the word in the slot, a block's row with the address.
            address, name = (cells[1], cells[2]) if table.split()[0].endswith("slot") else (cells[0], cells[2])
            found.setdefault(table, {})[name] = span(address)
    return found


class Addresses(unittest.TestCase):
    """The page and this PLC name the same registers."""

    def setUp(self) -> None:
        self.text = README.read_text(encoding="utf-8")

    def test_every_register_stands_in_the_readme(self) -> None:
        """Each name of each table, with its first and last address."""
        page, seen = rows(self.text), 0
        for table, names in p.TABLES.items():
            for name, (at, size) in names.items():
                with self.subTest(register=f"{table}.{name}"):
                    self.assertEqual(page[TABLE_OF[table]].get(name), (at, at + size - 1))
                    seen += 1
        self.assertEqual(seen + len(p.BLOCKS), len(p.addresses()))

    def test_every_block_stands_in_the_readme(self) -> None:
        """The six blocks, with their extent."""
        for name, at in p.BLOCKS.items():
            with self.subTest(block=name):
                self.assertIn(f"| {name} | {at} to {at + p.SIZES[at] - 1} | {p.SIZES[at]} |", self.text)

    def test_a_moved_register_would_be_found(self) -> None:
        """The lookup is not satisfied by another address."""
        moved = self.text.replace("| 16 | +16 | cmd_tail |", "| 17 | +16 | cmd_tail |")
        self.assertNotEqual(moved, self.text)
        self.assertNotEqual(rows(moved)["header"]["cmd_tail"], (16, 16))


if __name__ == "__main__":
    unittest.main()
