"""Another program that holds the store (a SQLite file) for itself: takes the write lock, says so, lets it go after a
time, and then says how far the projector has come, until it is ended.

    lock_store.py STORE SECONDS
      locked SEQ          the position when the lock was taken
      unlocked            it was let go
      at SEQ MS           a new position, and the milliseconds since the lock was let go
"""

import sqlite3
import sys
import time


def position(store):
    return store.execute("SELECT seq FROM projection").fetchone()[0]


def hold(store, seconds):
    store.execute("BEGIN EXCLUSIVE")
    print(f"locked {position(store)}", flush=True)
    time.sleep(seconds)
    store.execute("ROLLBACK")
    print("unlocked", flush=True)


def follow(store):
    began, last = time.monotonic(), None
    while True:
        at = position(store)
        if at != last:
            print(f"at {at} {round((time.monotonic() - began) * 1000)}", flush=True)
            last = at
        time.sleep(0.01)


def main():
    store = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
    hold(store, float(sys.argv[2]))
    follow(store)


main()
