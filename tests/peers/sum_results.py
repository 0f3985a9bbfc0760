"""Sums what a WCS says it sorted, and what an order file orders, and holds the two against each other. Both are read
here with the csv module of Python: the file by the rules of the retail mapping, the results through HTTP.

    sum_results.py ORDERS BASE
    Prints one JSON object: pieces and lines of both sides, batches, and every (order, article) on which they differ.
"""

import collections
import csv
import io
import json
import re
import sys
import urllib.request

MERCHANDISE = re.compile(r"\d{5}[A-Za-z]{0,2}")
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ordered(path):
    pieces, lines = collections.Counter(), 0
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            quantity = int(row["Quantity"])
            if quantity > 0 and MERCHANDISE.fullmatch(row["StockCode"]) and row["Description"].strip():
                pieces[row["InvoiceNo"], row["StockCode"]] += quantity
                lines += 1
    return pieces, lines


def fetch(url):
    with HTTP.open(url, timeout=30) as answer:
        return answer.read().decode("utf-8")


def batches(base):
    cursor = ""
    while True:
        page = json.loads(fetch(f"{base}/api/batches?limit=100{cursor}"))
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def sorted_pieces(base):
    pieces, lines, count = collections.Counter(), 0, 0
    for batch in batches(base):
        count += 1
        for row in csv.DictReader(io.StringIO(fetch(f"{base}/api/batches/{batch['id']}/results.csv"))):
            pieces[row["order"], row["sku"]] += int(row["picked"])
            lines += 1
    return pieces, lines, count


def main():
    wanted, lines_wanted = ordered(sys.argv[1])
    found, lines_found, count = sorted_pieces(sys.argv[2])
    differ = [
        {"order": order, "sku": sku, "ordered": wanted[order, sku], "sorted": found[order, sku]}
        for order, sku in sorted(set(wanted) | set(found))
        if wanted[order, sku] != found[order, sku]
    ]
    print(json.dumps({
        "batches": count,
        "lines_ordered": lines_wanted,
        "lines_sorted": lines_found,
        "pieces_ordered": wanted.total(),
        "pieces_sorted": found.total(),
        "differences": differ,
    }))


main()
