"""A second PLC for the profile wcs-sorter-hs/1, written from its README alone, on pymodbus.

Responsible for the command line, the Modbus/TCP server and the cycle; the README's rules are in link.py, the belt in
belt.py. It reads no file of the project and shares no constant with it, so that what it finds unclear or different is
a finding about the README or about the WCS.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

import page as p
from belt import Sorter
from ledger import Ledger
from link import CYCLE_MS, Link
from loads import read_loads

IDLE_CLOSE_S = 60
GONE_S = 10


class Connection(ServerRequestHandler):
    """One connection: answers every request of a chunk in its order, and closes when idle for 60 s."""

    def callback_data(self, data: bytes, addr: tuple | None = None) -> int:
        """Takes whole requests out of what arrived."""
        self.heard_at = time.monotonic()
        used = 0
        while used < len(data):
            step = super().callback_data(data[used:], addr)
            pdu, self.last_pdu = self.last_pdu, None
            if pdu is not None:
                self.loop.create_task(self.answer(pdu))
            if step == 0:
                break
            used += step
        return used

    async def answer(self, pdu) -> None:
        """Answers one request; nothing in here waits, so answers keep the order of requests."""
        self.last_pdu = pdu
        await self.handle_request()
        self.last_pdu = None


class Server(ModbusTcpServer):
    """The Modbus/TCP server of the PLC."""

    def callback_new_connection(self) -> Connection:
        """Makes a connection."""
        connection = Connection(self, None, None, None)
        connection.heard_at = time.monotonic()
        return connection

    def close_connections(self, idle_s: float) -> None:
        """Closes connections that were idle that long."""
        for connection in list(self.active_connections.values()):
            if time.monotonic() - connection.heard_at >= idle_s:
                connection.close()


def registers(link: Link) -> SimDevice:
    """The registers as pymodbus wants them; reads show the copy of the last cycle, writes go to the link."""

    async def access(function: int, start: int, address: int, count: int, current: list[int],
                     values: list[int] | None) -> ExcCodes | None:
        if function not in (3, 16, 23):
            return ExcCodes.ILLEGAL_FUNCTION
        if values is None:
            current[address - start:address - start + count] = link.image[address:address + count]
            return None
        return None if link.write(address, values) else ExcCodes.ILLEGAL_ADDRESS

    written = (p.CONTROL, p.COMMANDS)
    blocks = [SimData(at, count=size, values=0, datatype=DataType.REGISTERS, readonly=at not in written)
              for at, size in p.SIZES.items()]
    return SimDevice(id=1, simdata=blocks, action=access)


async def run(options: argparse.Namespace) -> int:
    """Runs the PLC until all loads are sorted and the WCS has gone, or until it is told to stop."""
    late_wrap = options.first_seq >= 65000
    link = Link(options.first_seq, 65535 if late_wrap else 1 + options.seed % 60000, options.torn_rate, options.seed)
    rates = {"no_read": options.no_read_rate, "missed": options.miss_rate, "more": options.more_rate}
    groups = read_loads(options.orders, options.loads, options.seed)
    sorter = Sorter(link, groups, Ledger(options.ledger), options.speed, options.seed, rates,
                    2**32 - 1_000_000 if late_wrap else 0)
    host, port = options.listen.rsplit(":", 1)
    link.publish()
    server = Server(registers(link), address=(host, int(port)))
    await server.serve_forever(background=True)
    where = server.transport.sockets[0].getsockname()
    print(f"listening on {where[0]}:{where[1]}", flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    began = last = said = due = time.monotonic()
    heard, restarts = began, 0
    slowest = slowest_ever = 0.0
    while not stop.is_set():
        now = time.monotonic()
        slowest = max(slowest, now - last)
        slowest_ever = max(slowest_ever, slowest)
        if options.restart_every and not sorter.finished() and now - began >= options.restart_every * (restarts + 1):
            restarts += 1
            link.restart(now - began)
            sorter.restart()
            server.close_connections(0)
        link.before_sorting(now - began)
        sorter.cycle(now - last)
        link.publish()
        last = now
        if server.active_connections:
            heard = now
        elif sorter.finished() and now - heard >= GONE_S:
            break
        if now - said >= 5:
            said = now
            server.close_connections(IDLE_CLOSE_S)
            left = sum(not load.done for group in groups for load in group)
            print(f"t={now - began:.0f} group={sorter.group + 1}/{len(groups)} left={left} belt={sorter.count()} "
                  f"queue={len(sorter.queue)} link={link.link_state} state={link.state} permit={link.permit} "
                  f"owner={link.owner_epoch} epoch={link.plc_epoch} fifo={len(link.fifo.kept)} lost={link.fifo.lost} "
                  f"refused={link.refused} results={sorter.results} slowest_ms={slowest * 1000:.0f}", flush=True)
            slowest = 0.0
        # A late cycle does not move those after it, unless it is late by more than one.
        due = max(due + CYCLE_MS / 1000, now)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.001, due - time.monotonic()))
    await server.shutdown()
    print(json.dumps({
        "results": sorter.results, "refused": link.refused, "restarts": restarts, "torn_slots": link.torn_count,
        "event_wraps": link.fifo.end >> 16, "command_wraps": link.command_wraps, "evt_lost": link.fifo.lost,
        "slowest_ms": round(slowest_ever * 1000), "finished": sorter.finished(),
    }))
    return 0 if sorter.finished() else 1


def rate(text: str) -> float:
    """A share between 0 and 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return value


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--print-addresses", action="store_true", help="list the registers this PLC uses, and stop")
    parser.add_argument("--listen", default="127.0.0.1:1502")
    parser.add_argument("--orders", help="order file of the retailer")
    parser.add_argument("--ledger", help="write the ledger here")
    parser.add_argument("--loads", type=int, default=0, help="feed at most so many loads; 0 all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=5.0, help="factor on belt, feed and people")
    parser.add_argument("--restart-every", type=float, default=0.0, help="seconds between restarts of the PLC")
    parser.add_argument("--first-seq", type=int, default=0, help="first event and command sequence")
    parser.add_argument("--torn-rate", type=rate, default=0.0, help="share of event slots that appear torn")
    parser.add_argument("--no-read-rate", type=rate, default=0.005, help="share of scans that read nothing")
    parser.add_argument("--miss-rate", type=rate, default=0.002, help="share of diverts that miss")
    parser.add_argument("--more-rate", type=rate, default=0.01, help="share of scans split into SCAN_MORE")
    options = parser.parse_args()
    if options.print_addresses:
        print("\n".join(p.addresses()))
        return 0
    if not options.orders or not options.ledger:
        parser.error("--orders and --ledger are needed")
    if not 0 <= options.first_seq <= 65535 or not 0 < options.speed <= 30:
        parser.error("--first-seq is 0 to 65535, --speed more than 0 and at most 30")
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
