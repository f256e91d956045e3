"""Puts the gateway in front of a server: `python serve.py --url URL --port PORT --folder FOLDER`.

The conformance suite, the restart probe and the tests of a closing gateway run it.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import anyio

from hud.dev.gateway import (
    Gateway,
    GatewayServer,
    HttpUpstream,
    StdioUpstream,
    Upstream,
    command,
)


def upstream_of(given: argparse.Namespace) -> Upstream:
    if given.url:
        return HttpUpstream(given.url)
    return StdioUpstream("the command", command(shlex.split(given.command)))


async def main(given: argparse.Namespace) -> None:
    async with Gateway(upstream_of(given), folder=Path(given.folder)) as gateway:
        await GatewayServer(gateway, host="127.0.0.1", port=given.port).serve()


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("--url")
    words.add_argument("--command")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--folder", required=True)
    anyio.run(main, words.parse_args())
