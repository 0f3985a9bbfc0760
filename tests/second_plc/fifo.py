"""The event FIFO of the PLC and the window the WCS sees of it.

Responsible for sequences, taken and acknowledged pointers, the retentive store, overflow and throttle. It does not
know what an event means. Sequences are plain growing integers inside and 16-bit numbers only where they are shown.

    oldest = ack <= taken <= head <= end      events [ack, end) are kept, [taken, head) is the window
"""

from collections import deque

import page as p


class EventFifo:
    """All events that are not yet on the disk of the WCS, oldest first."""

    def __init__(self, size: int, slots: int, first: int) -> None:
        self.size, self.slots = size, slots
        self.kept: deque[list[int]] = deque()
        self.ack = self.taken = self.head = first
        self.lost = 0
        self.throttled = False

    @property
    def end(self) -> int:
        """Sequence of the next event that will happen."""
        return self.ack + len(self.kept)

    @property
    def backlog(self) -> int:
        """Events behind the window."""
        return self.end - self.head

    def push(self, words: list[int]) -> None:
        """Adds an event of 40 words whose sequence words are filled in here; drops the oldest when full."""
        if len(self.kept) >= self.size:
            self.kept.popleft()
            self.ack += 1
            self.taken, self.head = max(self.taken, self.ack), max(self.head, self.ack)
            self.lost = min(self.lost + 1, 65535)
        words[0] = words[p.EVENT_WORDS - 1] = self.end & 0xFFFF
        self.kept.append(words)

    def fill_window(self) -> list[tuple[int, list[int]]]:
        """Lets the window follow; returns the events that appear in it, with their sequences."""
        old, self.head = self.head, min(self.taken + self.slots, self.end)
        return [(seq, self.kept[seq - self.ack]) for seq in range(old, self.head)]

    def show_again(self) -> None:
        """A new owner, or a restart: everything that is not on a disk is shown again."""
        self.taken = self.head = self.ack

    def take(self, seq16: int) -> bool:
        """Moves taken to a 16-bit sequence in [taken, head]; false when it lies outside."""
        step = p.ahead(seq16, self.taken & 0xFFFF)
        if step > self.head - self.taken:
            return False
        self.taken += step
        return True

    def acknowledge(self, seq16: int, limit: int) -> bool:
        """Forgets events before a 16-bit sequence in [ack, limit]; false when it lies outside."""
        step = p.ahead(seq16, self.ack & 0xFFFF)
        if step > limit - self.ack:
            return False
        for _ in range(step):
            self.kept.popleft()
        self.ack += step
        self.taken, self.head = max(self.taken, self.ack), max(self.head, self.ack)
        return True

    def throttle(self, items: int, max_recirc: int) -> bool:
        """True while induction must rest so that every item on the belt still finds room for its events."""
        used = len(self.kept)
        tight = self.size - used < 2 * (max_recirc + 1) * items + p.THROTTLE_RESERVE
        if used * 100 >= self.size * p.THROTTLE_START or tight:
            self.throttled = True
        elif used * 100 < self.size * p.THROTTLE_STOP:
            self.throttled = False
        return self.throttled
