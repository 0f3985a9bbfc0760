"""The register page of wcs-sorter-hs/1 as a PLC programmer typed it in from the profile's README.

Responsible for addresses and numbers, and for nothing that happens. No number here was taken from another file
of the project: a second reading of the page is what this PLC is for.
"""

HEADER, STATICS, LANES, EVENTS, CONTROL, COMMANDS = 0, 32, 64, 1000, 30000, 31000
SIZES = {HEADER: 32, STATICS: 32, LANES: 192, EVENTS: 20480, CONTROL: 80, COMMANDS: 6144}
EVENT_WORDS, COMMAND_WORDS, SHORT_CONTROL, LONG_CONTROL = 40, 12, 16, 80

# name: (address, words)
HEADER_AT = {
    "magic": (0, 1), "version": (1, 1), "plc_epoch": (2, 1), "plc_life": (3, 1), "wcs_life_echo": (4, 1),
    "link_state": (5, 1), "owner_epoch": (6, 1), "state": (7, 1), "mode": (8, 1), "safety_status": (9, 1),
    "status": (10, 1), "evt_head": (11, 1), "evt_taken_echo": (12, 1), "evt_ack_echo": (13, 1),
    "evt_backlog": (14, 1), "evt_lost": (15, 1), "cmd_tail": (16, 1), "rej_seq": (17, 1), "rej_code": (18, 1),
    "rej_count": (19, 1), "plc_tick": (20, 2), "belt_mm": (22, 2), "speed_mm_s": (24, 1),
    "items_on_sorter": (25, 1), "lane_gen": (26, 1), "alarms_active": (27, 1), "n_inducted": (28, 2),
    "n_final": (30, 2),
}
STATICS_AT = {
    "lane_count": (32, 1), "evt_slots": (33, 1), "cmd_slots": (34, 1), "fifo_size": (35, 1),
    "plc_cycle_ms": (36, 1), "max_recirc": (37, 1), "lane_noread": (38, 1), "lane_exception": (39, 1),
    "lane_overflow_1": (40, 1), "lane_overflow_2": (41, 1), "induction_count": (42, 1), "flags": (43, 1),
    "loop_mm": (44, 2), "owner_tag": (46, 1), "path_mm": (47, 2),
}
LANES_AT = {"lane_ready": (64, 64), "lane_full": (128, 64), "lane_fault": (192, 64)}
CONTROL_AT = {
    "version": (30000, 1), "wcs_epoch": (30001, 1), "wcs_life": (30002, 1), "evt_taken": (30003, 1),
    "evt_ack": (30004, 1), "cmd_head": (30005, 1), "unit_cmd": (30006, 1), "unit_cmd_cnt": (30007, 1),
    "permit": (30008, 1), "plc_epoch": (30009, 1), "owner_tag": (30013, 1), "epoch_copy": (30015, 1),
    "lane_closing": (30016, 64),
}
# Addresses in slot 0; slot n lies n times the slot length further on.
EVENT_AT = {
    "seq": (1000, 1), "kind": (1001, 1), "item": (1002, 2), "station": (1004, 1), "flags": (1005, 1),
    "plc_tick": (1006, 2), "belt_mm": (1008, 2), "seq_copy": (1039, 1),
}
SCAN_AT = {
    "scan_deadline_mm": (1010, 2), "scan_read": (1012, 1), "scan_length": (1013, 1), "scan_width": (1014, 1),
    "scan_height": (1015, 1), "scan_weight": (1016, 2), "scan_aim": (1018, 1), "scan_text_length": (1019, 1),
    "scan_text": (1020, 19),
}
MORE_AT = {"more_index": (1010, 1), "more_text_length": (1019, 1), "more_text": (1020, 19)}
EXIT_AT = {
    "exit_requested": (1010, 1), "exit_actual": (1011, 1), "exit_result": (1012, 1), "exit_detail": (1013, 1),
    "exit_turns": (1014, 1), "exit_command": (1015, 1), "exit_since_scan_ms": (1016, 2),
}
LANE_AT = {"lane_lane": (1010, 1), "lane_old": (1011, 1), "lane_new": (1012, 1), "lane_fill": (1013, 1)}
STATE_AT = {"state_old": (1010, 1), "state_new": (1011, 1), "state_cause": (1012, 1)}
REJECT_AT = {"reject_command": (1010, 1), "reject_code": (1011, 1), "reject_owner_epoch": (1012, 1)}
COMMAND_AT = {
    "seq": (31000, 1), "kind": (31001, 1), "item": (31002, 2), "lane": (31004, 1), "alternative_1": (31005, 1),
    "alternative_2": (31006, 1), "options": (31007, 1), "wcs_epoch": (31010, 1), "seq_copy": (31011, 1),
}
BLOCKS = {"header": HEADER, "statics": STATICS, "lanes": LANES, "events": EVENTS, "control": CONTROL,
          "commands": COMMANDS}
TABLES = {
    "header": HEADER_AT, "statics": STATICS_AT, "lanes": LANES_AT, "event": EVENT_AT, "scan": SCAN_AT,
    "scan_more": MORE_AT, "exit": EXIT_AT, "lane": LANE_AT, "state": STATE_AT, "command_reject": REJECT_AT,
    "control": CONTROL_AT, "command": COMMAND_AT,
}

MAGIC, VERSION = 0x5753, 0x0100
SCAN, EXIT, LANE, STATE, COMMAND_REJECT, SCAN_MORE = 1, 2, 3, 6, 7, 8
WAITING, OK, WCS_LOST, VERSION_MISMATCH = 0, 1, 2, 3
STOPPED, STARTING, IDLE, SUSPENDED, EXECUTE, HELD, RESETTING = 2, 3, 4, 5, 6, 11, 15
READY, HALF_FULL, FULL, CLOSED = 1, 2, 3, 5
CAUSE_COMMAND, CAUSE_OPERATOR = 0, 1
LATE, UNKNOWN_ITEM, INVALID_LANE, MALFORMED, POINTER, FOREIGN = 1, 2, 3, 5, 6, 7
RECIRCULATE, TO_EXCEPTION = 0xFFFE, 0xFFFD
TEXT_BYTES = 38
UNMEASURED = 0xFFFF
FIRST_CHOICE, ALTERNATIVE, MISSED, LANE_FULL, LANE_FAULT, RECIRCULATED, TOO_LATE, NO_READ, INVALID_DEST = (
    1, 2, 3, 4, 5, 7, 8, 9, 10)
WATCHDOG_MS, LIFE_MS = 2000, 100
THROTTLE_START, THROTTLE_STOP, THROTTLE_RESERVE = 75, 50, 256


def ahead(a: int, b: int) -> int:
    """How far serial number a lies after b, modulo 65536."""
    return (a - b) & 0xFFFF


def newer(a: int, b: int) -> bool:
    """Serial number a is newer than b; a distance of exactly 32768 is not."""
    return 1 <= ahead(a, b) <= 32767


def put(words: list[int], base: int, table: dict, name: str, value: int) -> None:
    """Writes a named number into words, of which the first stands at address base; the high word goes first."""
    at, size = table[name]
    if size == 1:
        words[at - base] = value & 0xFFFF
    else:
        words[at - base], words[at - base + 1] = (value >> 16) & 0xFFFF, value & 0xFFFF


def get(words: list[int], base: int, table: dict, name: str) -> int:
    """Reads a named number of one or two words."""
    at, size = table[name]
    return words[at - base] if size == 1 else words[at - base] << 16 | words[at - base + 1]


def put_text(words: list[int], base: int, table: dict, name: str, text: bytes) -> None:
    """Writes bytes, high byte first, padded with zeros."""
    at, size = table[name]
    padded = text.ljust(2 * size, b"\0")
    for i in range(size):
        words[at - base + i] = padded[2 * i] << 8 | padded[2 * i + 1]


def addresses() -> list[str]:
    """One line for each address or range this PLC uses, as "first last block.name"."""
    lines = [f"{at} {at + SIZES[at] - 1} block.{name}" for name, at in BLOCKS.items()]
    for block, table in TABLES.items():
        lines += [f"{at} {at + size - 1} {block}.{name}" for name, (at, size) in table.items()]
    return lines
