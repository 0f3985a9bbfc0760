"""The side of the PLC that faces the WCS: registers, control blocks, command ring, watchdog, start and restart.

Responsible for what the README says in sections 3, 4 and 6. It decides nothing about items: the sorter does.

    waiting --newer epoch--> ok --2000 ms silent--> wcs_lost --changed wcs_life--> ok
"""

import random

import page as p
from fifo import EventFifo

CYCLE_MS = 10
EVT_SLOTS = CMD_SLOTS = 64
FIFO_SIZE = 4096
MAX_RECIRC = 3


class Link:
    """Registers as published, blocks as accepted, and the machine state that goes with them."""

    def __init__(self, first_seq: int, plc_epoch: int, torn_rate: float, seed: int) -> None:
        self.image = [0] * 65536
        self.fifo = EventFifo(FIFO_SIZE, EVT_SLOTS, first_seq)
        self.lot, self.torn_rate = random.Random(seed), torn_rate
        self.torn: dict[int, tuple[list[int], int]] = {}
        self.writes: list[list[int]] = []
        self.ring = [0] * (CMD_SLOTS * p.COMMAND_WORDS)
        self.plc_epoch, self.owner_epoch, self.owner_tag = plc_epoch, 0, 0
        self.cmd_tail = self.cmd_head = first_seq & 0xFFFF
        self.torn_count = self.command_wraps = 0
        self.rejections = {"rej_seq": 0, "rej_code": 0, "rej_count": 0}
        self.refused: dict[int, int] = {}
        self.sorter = None
        self.now = 0.0
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """What every start of the PLC program does: data is there at once, motion needs a person."""
        self.control = [0] * p.LONG_CONTROL
        self.ring[:] = [0] * len(self.ring)
        for at in (p.CONTROL, p.COMMANDS):
            self.image[at:at + p.SIZES[at]] = [0] * p.SIZES[at]
        self.writes.clear()
        self.torn.clear()
        self.cmd_head = self.cmd_tail
        self.link_state, self.permit, self.wcs_life, self.unit_count = p.WAITING, 0, 0, 0
        self.state, self.person_needed = p.STOPPED, True
        self.started_at = self.fed_at = now
        self.fifo.lost = 0
        self.fifo.show_again()

    def restart(self, now: float) -> None:
        """The PLC program starts again; epochs, owner, FIFO and its sequences are retentive."""
        self.plc_epoch = self.plc_epoch % 65535 + 1
        self.begin(now)

    # Events

    def event(self, kind: int, item: int, belt_mm: int, flags: int, body: dict[str, int],
              table: dict, text: bytes = b"") -> None:
        """Puts an event into the FIFO; body names words of table."""
        words = [0] * p.EVENT_WORDS
        for name, value in (("kind", kind), ("item", item), ("station", 1), ("plc_tick", self.tick()),
                            ("belt_mm", belt_mm), ("flags", (self.plc_epoch & 0xFF) << 8 | flags)):
            p.put(words, p.EVENTS, p.EVENT_AT, name, value)
        for name, value in body.items():
            p.put(words, p.EVENTS, table, name, value)
        if text:
            p.put_text(words, p.EVENTS, table, "scan_text" if kind == p.SCAN else "more_text", text)
        self.fifo.push(words)

    def tick(self) -> int:
        """Milliseconds since the PLC started."""
        return int((self.now - self.started_at) * 1000)

    def change_state(self, new: int, cause: int) -> None:
        """Changes the PackML state and reports it."""
        old, self.state = self.state, new
        self.event(p.STATE, 0, self.sorter.shown_mm(), 0,
                   {"state_old": old, "state_new": new, "state_cause": cause}, p.STATE_AT)

    # What the WCS writes

    def write(self, address: int, values: list[int]) -> bool:
        """Takes a write request; false when it lies outside of what the WCS writes or is no block at all."""
        if address == p.CONTROL and len(values) in (p.SHORT_CONTROL, p.LONG_CONTROL):
            self.writes.append(list(values))
            return True
        at = address - p.COMMANDS
        if at < 0 or at + len(values) > p.SIZES[p.COMMANDS]:
            return False
        # Slots that are not in use are registers all the same; what stands there is never looked at.
        used = max(0, min(len(values), len(self.ring) - at))
        self.ring[at:at + used] = values[:used]
        self.image[address:address + len(values)] = values
        return True

    def refuse(self, code: int, seq: int) -> None:
        """Shows a refusal in the header."""
        self.rejections = {"rej_seq": seq, "rej_code": code,
                           "rej_count": (self.rejections["rej_count"] + 1) & 0xFFFF}
        self.refused[code] = self.refused.get(code, 0) + 1

    def look_at_block(self, block: list[int]) -> None:
        """Accepts or refuses one control block."""
        def word(name: str) -> int:
            return p.get(block, p.CONTROL, p.CONTROL_AT, name)

        epoch, tag = word("wcs_epoch"), word("owner_tag")
        fits = word("version") >> 8 == p.VERSION >> 8
        fresh = self.owner_epoch == 0 or p.newer(epoch, self.owner_epoch)
        if not fits and self.link_state == p.WAITING:
            self.link_state = p.VERSION_MISMATCH
        if (epoch != word("epoch_copy") or epoch == 0 or word("plc_epoch") != self.plc_epoch or not fits
                or not (fresh or epoch == self.owner_epoch and tag == self.owner_tag)):
            self.refuse(p.FOREIGN, 0)
            return
        if fresh:
            self.adopt(word)
        else:
            self.follow_pointers(word)
            if word("unit_cmd_cnt") != self.unit_count:
                self.unit_count = word("unit_cmd_cnt")
                self.execute(word("unit_cmd"))
        if fresh or word("wcs_life") != self.wcs_life:
            self.fed_at = self.now
            if self.link_state == p.WCS_LOST:
                self.link_state = p.OK
        self.wcs_life, self.permit = word("wcs_life"), word("permit")
        self.control[:len(block)] = block
        self.image[p.CONTROL:p.CONTROL + p.LONG_CONTROL] = self.control
        if len(block) == p.LONG_CONTROL:
            at = p.CONTROL_AT["lane_closing"][0] - p.CONTROL
            self.sorter.close_lanes(block[at:])

    def adopt(self, word) -> None:
        """A newer epoch: the steps of section 4.2 in their order."""
        if not self.fifo.acknowledge(word("evt_ack"), self.fifo.head):
            self.refuse(p.POINTER, 0)
        self.owner_epoch, self.owner_tag = word("wcs_epoch"), word("owner_tag")
        self.cmd_head = self.cmd_tail
        self.fifo.show_again()
        self.torn.clear()
        self.sorter.close_lanes([0] * 64)
        self.unit_count = word("unit_cmd_cnt")
        self.link_state = p.OK

    def follow_pointers(self, word) -> None:
        """The pointers of the owner, judged one by one."""
        if not self.fifo.take(word("evt_taken")):
            self.refuse(p.POINTER, 0)
        if not self.fifo.acknowledge(word("evt_ack"), self.fifo.taken):
            self.refuse(p.POINTER, 0)
        if p.ahead(word("cmd_head"), self.cmd_tail) <= CMD_SLOTS:
            self.cmd_head = word("cmd_head")
        else:
            self.refuse(p.POINTER, 0)

    def execute(self, command: int) -> None:
        """A PackML command; none of them stands in for the person at the machine."""
        if self.person_needed:
            return
        moves = {1: (p.STOPPED, p.IDLE), 2: (p.IDLE, p.EXECUTE), 3: (p.EXECUTE, p.STOPPED), 4: (p.EXECUTE, p.HELD),
                 5: (p.HELD, p.EXECUTE), 6: (p.EXECUTE, p.SUSPENDED), 7: (p.SUSPENDED, p.EXECUTE)}
        if command in moves and self.state == moves[command][0]:
            self.change_state(moves[command][1], p.CAUSE_COMMAND)

    def take_commands(self) -> None:
        """Takes the command slots up to cmd_head in order."""
        while self.cmd_tail != self.cmd_head:
            seq, at = self.cmd_tail, self.cmd_tail % CMD_SLOTS * p.COMMAND_WORDS
            slot = self.ring[at:at + p.COMMAND_WORDS]
            self.cmd_tail = (self.cmd_tail + 1) & 0xFFFF
            self.command_wraps += self.cmd_tail == 0

            def word(name: str, slot: list[int] = slot) -> int:
                return p.get(slot, p.COMMANDS, p.COMMAND_AT, name)

            if word("wcs_epoch") != self.owner_epoch:
                code = p.FOREIGN
            elif word("seq") != seq or word("seq_copy") != seq or word("kind") not in (1, 2):
                code = p.MALFORMED
            elif word("kind") == 1:
                code = self.sorter.destination(word("item"), [word("lane"), word("alternative_1"),
                                                              word("alternative_2")], word("options") & 1, seq)
            else:
                code = self.sorter.cancel(word("item"))
            if code:
                self.refuse(code, seq)
                self.event(p.COMMAND_REJECT, word("item"), self.sorter.shown_mm(), 0,
                           {"reject_command": seq, "reject_code": code, "reject_owner_epoch": word("wcs_epoch")},
                           p.REJECT_AT)

    # The cycle

    def before_sorting(self, now: float) -> None:
        """First half of a cycle: the person, the watchdog, blocks and commands."""
        self.now = now
        up_ms = (now - self.started_at) * 1000
        if self.person_needed and up_ms >= 2000:
            self.person_needed = False
            for state in (p.RESETTING, p.IDLE, p.STARTING, p.EXECUTE):
                self.change_state(state, p.CAUSE_OPERATOR)
        waiting, self.writes = self.writes, []
        for block in waiting:
            self.look_at_block(block)
        if self.link_state == p.OK and (now - self.fed_at) * 1000 >= p.WATCHDOG_MS:
            self.link_state = p.WCS_LOST
        self.take_commands()

    def may_induct(self) -> bool:
        """Induction 1 runs with bit 0 and bit 1 of the permit, an owner, a running machine and room for events."""
        throttled = self.fifo.throttle(self.sorter.count(), MAX_RECIRC)
        return self.link_state == p.OK and self.state == p.EXECUTE and self.permit & 3 == 3 and not throttled

    def publish(self) -> None:
        """Second half of a cycle: one consistent copy. Requests are served between cycles, never within one."""
        for seq, (words, left) in list(self.torn.items()):
            if seq < self.fifo.taken:
                del self.torn[seq]
            elif left == 1:
                self.show(seq, words)
                del self.torn[seq]
            else:
                self.torn[seq] = (words, left - 1)
        for seq, words in self.fifo.fill_window():
            self.show(seq, words)
            if self.lot.random() < self.torn_rate:
                broken = self.lot.choice((0, p.EVENT_WORDS - 1))
                self.image[p.EVENTS + seq % EVT_SLOTS * p.EVENT_WORDS + broken] ^= 1 << self.lot.randrange(16)
                self.torn[seq] = (words, self.lot.choice((1, 2)))
                self.torn_count += 1
        fifo, sorter = self.fifo, self.sorter
        values = {
            "magic": p.MAGIC, "version": p.VERSION, "plc_epoch": self.plc_epoch,
            "plc_life": int(self.now * 1000) // p.LIFE_MS,
            "wcs_life_echo": self.wcs_life, "link_state": self.link_state, "owner_epoch": self.owner_epoch,
            "state": self.state, "mode": 1, "safety_status": 1, "evt_head": fifo.head,
            "evt_taken_echo": fifo.taken, "evt_ack_echo": fifo.ack, "evt_backlog": fifo.backlog,
            "evt_lost": fifo.lost, "cmd_tail": self.cmd_tail, "plc_tick": self.tick(), **self.rejections,
            **sorter.numbers(),
            "status": sorter.running | (self.permit & 1) << 1 | sorter.crowded() << 2 | fifo.throttled << 7,
        }
        for name, value in values.items():
            p.put(self.image, 0, p.HEADER_AT, name, value)
        for name, value in {
            **sorter.geometry(), "evt_slots": EVT_SLOTS, "cmd_slots": CMD_SLOTS, "fifo_size": FIFO_SIZE,
            "plc_cycle_ms": CYCLE_MS, "max_recirc": MAX_RECIRC, "induction_count": 1, "flags": 1,
            "owner_tag": self.owner_tag,
        }.items():
            p.put(self.image, 0, p.STATICS_AT, name, value)
        sorter.show_lanes(self.image)

    def show(self, seq: int, words: list[int]) -> None:
        """Copies an event into its slot."""
        at = p.EVENTS + seq % EVT_SLOTS * p.EVENT_WORDS
        self.image[at:at + p.EVENT_WORDS] = words
