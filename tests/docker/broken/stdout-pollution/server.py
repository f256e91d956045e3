"""Speaks the protocol well, after a greeting on the protocol's stream."""

import json
import sys

print("Starting the shop server...")

for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "shop", "version": "1"},
        }
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))
