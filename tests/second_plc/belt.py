"""The world and the sorting: a looped belt, a scan tunnel, 64 lanes, their people, and section 5 of the README.

Responsible for items, lanes, what happens at decision points, and the ledger. Positions are millimetres of belt
travel since the program began; what the WCS is shown restarts at 0 with each start of the PLC.

    item: put on --scan tunnel--> known --decision point--> left, or round once more --scan tunnel--> known
    lane: ready -> half_full -> full -> closed (a person empties it) -> ready
"""

import heapq
import itertools
import random
from dataclasses import dataclass, field

import page as p
from ledger import Ledger
from link import MAX_RECIRC, Link
from loads import Load

LANES, ORDER_LANES, OVERFLOW, NO_READ_LANE, EXCEPTION_LANE = 64, 60, (61, 62), 63, 64
LANE_HOLDS = 40
FIRST_LANE_MM, PITCH_MM, LOOP_MM, TO_SCANNER_MM, CLEAR_MM, FEED_MM = 20_000, 1_500, 160_000, 5_000, 500, 720
PATH_MM = FIRST_LANE_MM + (LANES - 1) * PITCH_MM
SPEED_MM_S = 2_000
BELT_HOLDS = LOOP_MM // CLEAR_MM
# Seconds of plant time that people take.
COMES_S, WORKS_S, CARRIES_BACK_S = 20, 15, 60


@dataclass
class Dest:
    """A destination as commanded."""

    lanes: list[int]
    may_recirculate: bool
    seq: int


@dataclass
class Item:
    """A load on the belt; id 0 until it passed the scanner in this life of the PLC."""

    load: Load
    id: int = 0
    turns: int = 0
    scan_mm: int = 0
    scan_tick: int = 0
    read: int = 0
    dest: Dest | None = None
    invalid: bool = False
    outcome: int = 0
    decided: bool = False
    lap: int = 0
    generation: int = 0


@dataclass
class Lane:
    """A lane and the boxes at its end."""

    number: int
    state: int = p.READY
    closing: bool = False
    called: bool = False
    loads: list[Load] = field(default_factory=list)

    def takes(self) -> bool:
        """A load can be diverted here."""
        return self.state in (p.READY, p.HALF_FULL) and not self.closing


def decision_mm(lane: int) -> int:
    """Travel from the scanner to the decision point of a lane."""
    return FIRST_LANE_MM + (lane - 1) * PITCH_MM


class Sorter:
    """Belt, lanes and people."""

    def __init__(self, link: Link, groups: list[list[Load]], ledger: Ledger, speed: float, seed: int,
                 rates: dict[str, float], base_mm: int) -> None:
        self.link, self.groups, self.ledger, self.speed, self.rates = link, groups, ledger, speed, rates
        self.lot = random.Random(seed + 1)
        self.lanes = [Lane(n) for n in range(1, LANES + 1)]
        self.items: dict[int, Item] = {}
        self.on_belt: list[Item] = []
        self.due: list[tuple] = []
        self.people: list[tuple] = []
        self.order_of_due = itertools.count()
        self.mm, self.exact_mm, self.base_mm, self.next_feed_mm = 0, 0.0, base_mm, 0
        self.plant_s, self.last_id = 0.0, 0
        self.group, self.queue, self.coming, self.permit_fell = -1, [], 0, True
        self.lane_gen, self.n_inducted, self.n_final, self.running = 1, 0, 0, False
        self.results: dict[str, int] = {}
        link.sorter = self

    # Shown numbers

    def shown_mm(self, at_mm: int | None = None) -> int:
        """Belt travel as the header shows it."""
        return (self.base_mm + (self.mm if at_mm is None else at_mm)) & 0xFFFFFFFF

    def count(self) -> int:
        """Items on the sorter."""
        return len(self.on_belt)

    def crowded(self) -> bool:
        """No room for recirculating items."""
        return self.count() >= BELT_HOLDS

    def numbers(self) -> dict[str, int]:
        """The part of the hot header that is about the belt."""
        moving = self.link.state == p.EXECUTE
        return {"belt_mm": self.shown_mm(), "speed_mm_s": int(SPEED_MM_S * self.speed) if moving else 0,
                "items_on_sorter": self.count(), "lane_gen": self.lane_gen, "n_inducted": self.n_inducted,
                "n_final": self.n_final}

    def geometry(self) -> dict[str, int]:
        """The part of the static block that is about belt and lanes."""
        return {"lane_count": LANES, "lane_noread": NO_READ_LANE, "lane_exception": EXCEPTION_LANE,
                "lane_overflow_1": OVERFLOW[0], "lane_overflow_2": OVERFLOW[1], "loop_mm": LOOP_MM,
                "path_mm": PATH_MM}

    def show_lanes(self, image: list[int]) -> None:
        """Publishes the bitmaps."""
        for name, states in (("lane_ready", (p.READY, p.HALF_FULL)), ("lane_full", (p.FULL,)), ("lane_fault", (4,))):
            at = p.LANES_AT[name][0]
            for word in range(LANES // 16):
                image[at + word] = sum(1 << bit for bit in range(16)
                                       if self.lanes[16 * word + bit].state in states)

    # Commands

    def destination(self, number: int, lanes: list[int], may_recirculate: int, seq: int) -> int:
        """DEST; gives 0 or the code of the refusal."""
        item = self.items.get(number)
        if item is None:
            return p.UNKNOWN_ITEM
        first = lanes[0]
        special = first in (p.RECIRCULATE, p.TO_EXCEPTION)
        if not special and not 1 <= first <= LANES or any(lane > LANES for lane in lanes[1:]):
            item.invalid = True
            return p.INVALID_LANE
        point = PATH_MM if special else decision_mm(first)
        if item.decided or self.mm - item.scan_mm >= point:
            return p.LATE
        item.dest, item.invalid = Dest(lanes, bool(may_recirculate), seq), False
        item.generation += 1
        if not special:
            self.at(item.scan_mm + point, self.at_lane, item, first, 0)
        return 0

    def cancel(self, number: int) -> int:
        """CANCEL: as if no DEST had been given."""
        item = self.items.get(number)
        if item is None:
            return p.UNKNOWN_ITEM
        if item.decided:
            return p.LATE
        item.dest = None
        item.generation += 1
        return 0

    def close_lanes(self, words: list[int]) -> None:
        """Lane closing of an accepted block; a person comes to each lane that is newly closed."""
        for lane in self.lanes:
            closing = bool(words[(lane.number - 1) // 16] >> (lane.number - 1) % 16 & 1)
            if closing and not lane.closing and lane.state != p.CLOSED:
                self.call(lane)
            lane.closing = closing

    # Time

    def at(self, mm: int, what, item: Item, *more, whatever_commanded: bool = False) -> None:
        """Something happens to an item at a place of the belt, if it is still on this lap and not commanded anew."""
        token = (item.lap, None if whatever_commanded else item.generation)
        heapq.heappush(self.due, (mm, next(self.order_of_due), token, what, item, more))

    def later(self, seconds: float, what, subject) -> None:
        """A person does something after a span of plant time."""
        heapq.heappush(self.people, (self.plant_s + seconds, next(self.order_of_due), what, subject))

    def cycle(self, elapsed_s: float) -> None:
        """The sorting half of a PLC cycle."""
        self.plant_s += elapsed_s * self.speed
        while self.people and self.people[0][0] <= self.plant_s:
            _, _, what, subject = heapq.heappop(self.people)
            what(subject)
        self.next_group()
        target = self.exact_mm
        if self.link.state == p.EXECUTE:
            target += elapsed_s * self.speed * SPEED_MM_S
        may_induct = self.link.may_induct() and not self.crowded()
        self.running = may_induct and bool(self.queue)
        while True:
            feed = self.next_feed_mm if self.running and self.queue else target + 1
            first = min(self.due[0][0] if self.due else target + 1, feed)
            if first > target:
                break
            self.mm = max(self.mm, int(first))
            if first == feed:
                self.induct()
            else:
                _, _, (lap, generation), what, item, more = heapq.heappop(self.due)
                if lap == item.lap and generation in (None, item.generation):
                    what(item, *more)
        self.exact_mm, self.mm = target, int(target)
        self.next_feed_mm = max(self.next_feed_mm, self.mm)

    def next_group(self) -> None:
        """The next group of orders is brought when the last is sorted and the permit came anew."""
        permit = self.link.permit & 1
        if self.group < 0 or all(load.done for load in self.groups[self.group]):
            if not permit:
                self.permit_fell = True
            elif self.permit_fell and self.group + 1 < len(self.groups):
                self.group, self.permit_fell = self.group + 1, False
                self.queue += self.groups[self.group]

    def finished(self) -> bool:
        """All loads of all groups are sorted."""
        return self.group + 1 == len(self.groups) and all(load.done for load in self.groups[self.group])

    # Items

    def induct(self) -> None:
        """Puts the next load on the belt if there is a gap."""
        scan_at = self.mm + TO_SCANNER_MM
        round_again = (item.scan_mm + LOOP_MM for item in self.on_belt)
        if any(abs(mm - scan_at) < CLEAR_MM for mm in round_again):
            self.next_feed_mm = self.mm + CLEAR_MM // 2
            return
        load = self.queue.pop(0)
        load.attempt += 1
        item = Item(load, scan_mm=scan_at - LOOP_MM, turns=-1)
        self.on_belt.append(item)
        self.at(scan_at, self.scan, item)
        self.next_feed_mm = self.mm + FEED_MM

    def scan(self, item: Item) -> None:
        """An item passes the scan tunnel: a SCAN, and whatever destination it had is void."""
        known = item.id != 0
        if not known:
            self.last_id += 1
            item.id, item.turns = self.last_id, -1
            self.items[item.id] = item
            self.n_inducted += 1
        item.turns += 1
        item.scan_mm, item.scan_tick = self.mm, self.link.tick()
        item.dest, item.invalid, item.outcome, item.decided = None, False, 0, False
        item.lap += 1
        item.read = 1 if self.lot.random() < self.rates["no_read"] else 0
        if not known:
            self.note(item.load, "inducted", item.id, 0, 0)
        self.report_scan(item)
        if item.read:
            self.at(item.scan_mm + decision_mm(NO_READ_LANE), self.at_no_read, item)
        self.at(self.mm + PATH_MM + 1, self.at_end, item, whatever_commanded=True)

    def report_scan(self, item: Item) -> None:
        """SCAN, and SCAN_MORE for what does not fit."""
        text = b"" if item.read else item.load.label.encode("ascii")
        size = 5 if self.lot.random() < self.rates["more"] else p.TEXT_BYTES
        parts = [text[i:i + size] for i in range(0, len(text), size)] or [b""]
        body = {"scan_deadline_mm": FIRST_LANE_MM, "scan_read": item.turns << 8 | item.read, "scan_length": 400,
                "scan_width": 300, "scan_height": p.UNMEASURED, "scan_weight": 0xFFFFFFFF,
                "scan_aim": 0x4330 if text else 0, "scan_text_length": len(parts[0])}
        shown = self.shown_mm()
        self.link.event(p.SCAN, item.id, shown, int(len(parts) > 1), body, p.SCAN_AT, parts[0])
        for i, part in enumerate(parts[1:], 2):
            self.link.event(p.SCAN_MORE, item.id, shown, int(i < len(parts)),
                            {"more_index": 0, "more_text_length": len(part)}, p.MORE_AT, part)

    def at_lane(self, item: Item, number: int, choice: int) -> None:
        """An item reaches the decision point of a lane it may go to."""
        lane = self.lanes[number - 1]
        item.decided = True
        if lane.takes():
            if self.lot.random() < self.rates["missed"]:
                item.outcome = p.MISSED
            else:
                self.leave(item, number, p.ALTERNATIVE if choice else p.FIRST_CHOICE)
            return
        if not item.outcome:
            item.outcome = p.LANE_FULL if lane.state == p.FULL else p.LANE_FAULT
        for i in range(choice + 1, 3):
            other = item.dest.lanes[i]
            if other and decision_mm(other) > self.mm - item.scan_mm:
                self.at(item.scan_mm + decision_mm(other), self.at_lane, item, other, i)
                return

    def at_no_read(self, item: Item) -> None:
        """An item that could not be read and has no destination leaves at its lane."""
        if item.dest is None and self.lanes[NO_READ_LANE - 1].takes():
            self.leave(item, NO_READ_LANE, p.NO_READ)

    def at_end(self, item: Item) -> None:
        """The end of the path: the exception lane, or round once more."""
        room, dest = item.turns < MAX_RECIRC, item.dest
        item.decided = True
        first = dest.lanes[0] if dest else 0
        if item.outcome == p.MISSED:
            stays, why, result = room, p.MISSED, p.MISSED
        elif item.outcome:
            stays, why, result = room and dest.may_recirculate, item.outcome, item.outcome
        elif first == p.TO_EXCEPTION:
            stays, why, result = False, 0, p.FIRST_CHOICE
        elif first == p.RECIRCULATE:
            stays, why, result = room, 0, p.TOO_LATE
        elif item.invalid:
            stays, why, result = False, 0, p.INVALID_DEST
        else:
            stays, why, result = room and not item.read, p.TOO_LATE, p.TOO_LATE
        exception = self.lanes[EXCEPTION_LANE - 1]
        if stays or not exception.takes():
            # With the exception lane shut there is no other way than round, however often.
            detail = why if stays else p.LANE_FULL if exception.state == p.FULL else p.LANE_FAULT
            self.report_exit(item, 0, p.RECIRCULATED, detail)
            self.at(item.scan_mm + LOOP_MM, self.scan, item, whatever_commanded=True)
        else:
            self.leave(item, EXCEPTION_LANE, result)

    def leave(self, item: Item, number: int, result: int) -> None:
        """An item leaves the sorter into a lane."""
        self.report_exit(item, number, result, 0)
        self.note(item.load, "exit", item.id, number, result)
        self.n_final += 1
        del self.items[item.id]
        self.drop(item)
        lane = self.lanes[number - 1]
        lane.loads.append(item.load)
        if number <= ORDER_LANES:
            item.load.done = True
            held = len(lane.loads)
            if held >= LANE_HOLDS:
                self.lane_state(lane, p.FULL)
                self.call(lane)
            elif held >= LANE_HOLDS // 2 and lane.state == p.READY:
                self.lane_state(lane, p.HALF_FULL)
        else:
            self.later(CARRIES_BACK_S, self.carry_back, (lane, item.load))

    def drop(self, item: Item) -> None:
        """An item is off the belt; nothing that was due happens to it."""
        self.on_belt.remove(item)
        item.lap += 1

    def report_exit(self, item: Item, actual: int, result: int, detail: int) -> None:
        """EXIT."""
        dest = item.dest
        name = f"{result}.{detail}" if result == p.RECIRCULATED else str(result)
        self.results[name] = self.results.get(name, 0) + 1
        since = (self.link.tick() - item.scan_tick) & 0xFFFFFFFF
        self.link.event(p.EXIT, item.id, self.shown_mm(), int(dest is not None), {
            "exit_requested": dest.lanes[0] if dest else 0, "exit_actual": actual, "exit_result": result,
            "exit_detail": detail, "exit_turns": item.turns, "exit_command": dest.seq if dest else 0,
            "exit_since_scan_ms": since}, p.EXIT_AT)

    def note(self, load: Load | None, event: str, item: int, lane: int, result: int) -> None:
        """Adds a line to the ledger."""
        self.ledger.write(load, event, self.link.plc_epoch, item, lane, result, int(self.link.now * 1000))

    # People

    def lane_state(self, lane: Lane, new: int) -> None:
        """A lane changes state: LANE event and a new lane_gen."""
        old, lane.state = lane.state, new
        self.lane_gen = (self.lane_gen + 1) & 0xFFFF
        fill = min(100, len(lane.loads) * 100 // LANE_HOLDS)
        self.link.event(p.LANE, 0, self.shown_mm(), 0, {"lane_lane": lane.number, "lane_old": old,
                                                         "lane_new": new, "lane_fill": fill}, p.LANE_AT)

    def call(self, lane: Lane) -> None:
        """Someone is on the way to a lane."""
        if not lane.called:
            lane.called = True
            self.later(COMES_S, self.person_comes, lane)

    def person_comes(self, lane: Lane) -> None:
        """A person closes a lane that is full, or that the WCS wants closed, to change the box."""
        lane.called = False
        if lane.state != p.CLOSED and (lane.state == p.FULL or lane.closing):
            self.lane_state(lane, p.CLOSED)
            self.later(WORKS_S, self.person_is_done, lane)

    def person_is_done(self, lane: Lane) -> None:
        """The lane is empty again."""
        if lane.number <= ORDER_LANES:
            lane.loads.clear()
        self.note(None, "swapped", 0, lane.number, 0)
        self.lane_state(lane, p.READY)

    def carry_back(self, what: tuple[Lane, Load]) -> None:
        """Someone carries a load from a lane of the house back to the induction."""
        lane, load = what
        lane.loads.remove(load)
        self.queue.append(load)

    # Restart

    def restart(self) -> None:
        """The item table is not retentive: what is on the belt is unknown until it passes the scanner again."""
        self.base_mm = -self.mm
        self.items.clear()
        self.last_id = self.n_inducted = self.n_final = 0
        self.due.clear()
        for item in self.on_belt:
            item.id, item.dest = 0, None
            item.lap += 1
            scan_mm = item.scan_mm
            while scan_mm <= self.mm:
                scan_mm += LOOP_MM
            self.at(scan_mm, self.scan, item)
        self.close_lanes([0] * 64)
