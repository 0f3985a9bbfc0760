"""Looks up each register this PLC uses in the README of the profile: same name, same address, same length. And that
the PLC knows nothing else of the project: no import, no file, no address from anywhere but its page.

Run it with `python3 tests/second_plc/test_addresses.py`. The README is the only file of the project it opens.
"""

import ast
import pathlib
import re
import sys
import unittest

import page as p

HERE = pathlib.Path(__file__).resolve().parent
# Modules that open a file: the orders and the ledger, both named on the command line.
OPENERS = {"loads.py": "read_loads", "ledger.py": "__init__"}
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


def programs() -> dict[str, ast.Module]:
    """The PLC's modules, parsed; this test is none of them."""
    files = [path for path in sorted(HERE.glob("*.py")) if path.name != pathlib.Path(__file__).name]
    return {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in files}


def called(node: ast.AST) -> str:
    """Name of the function a call calls, the last part of it."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class Independence(unittest.TestCase):
    """What the PLC knows, it knows from the README."""

    def test_imports_nothing_of_the_project(self) -> None:
        """Only Python itself, pymodbus, and its own modules."""
        known = set(sys.stdlib_module_names) | {"pymodbus"} | {name.removesuffix(".py") for name in programs()}
        for name, tree in programs().items():
            for node in ast.walk(tree):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    self.assertEqual(node.level, 0, name)
                    modules = [node.module]
                for module in modules:
                    self.assertIn(module.split(".")[0], known, name)

    def test_opens_only_orders_and_ledger(self) -> None:
        """One function of two modules opens one file each, at the path it is given; nothing else reads or starts."""
        reaching = {"open", "read_text", "read_bytes", "import_module", "__import__", "exec", "eval", "system", "popen",
                    "Popen", "check_output"}
        found = {}
        for name, tree in programs().items():
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    for node in ast.walk(function):
                        if called(node) in reaching:
                            self.assertEqual((called(node), ast.unparse(node.args[0])), ("open", "path"), name)
                            found[name] = function.name
        self.assertEqual(found, OPENERS)

    def test_addresses_come_from_the_page(self) -> None:
        """No number stands where a register is looked up, except on the page."""
        seen = 0
        for name, tree in programs().items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] == "image":
                    numbers = [part for part in ast.walk(node.slice) if isinstance(part, ast.Constant)]
                    self.assertEqual(numbers, [], f"{name} line {node.lineno}")
                    seen += 1
        self.assertGreater(seen, 5)


if __name__ == "__main__":
    unittest.main()
