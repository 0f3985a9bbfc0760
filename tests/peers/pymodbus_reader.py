"""An independent Modbus/TCP client: carries out the operations of its command line with pymodbus, in order and on
one connection, and prints what came of each as a JSON array. It knows no register: addresses come from outside.

    pymodbus_reader.py HOST PORT UNIT OPERATION...
      r:ADDRESS:COUNT          function 3   {"words": [...]}
      w:ADDRESS:WORD,WORD,...  function 16  {"written": COUNT}
    A refusal is {"exception": CODE}; anything else that goes wrong ends the program with 1.
"""

import json
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.pdu import ExceptionResponse


def carry_out(client, unit, operation):
    kind, address, rest = operation.split(":")
    if kind == "r":
        reply = client.read_holding_registers(int(address), count=int(rest), device_id=unit)
    else:
        words = [int(word) for word in rest.split(",")]
        reply = client.write_registers(int(address), words, device_id=unit)
    if isinstance(reply, ExceptionResponse):
        return {"exception": reply.exception_code}
    if reply.isError():
        sys.exit(f"{operation}: {reply}")
    return {"words": reply.registers} if kind == "r" else {"written": reply.count}


def main(host, port, unit, *operations):
    client = ModbusTcpClient(host, port=int(port), timeout=3, retries=0)
    if not client.connect():
        sys.exit("no connection")
    came = [carry_out(client, int(unit), operation) for operation in operations]
    client.close()
    print(json.dumps(came))


main(*sys.argv[1:])
