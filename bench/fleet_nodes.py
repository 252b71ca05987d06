"""Answers as very many nodes, each at a path of its own: `python -m bench.fleet_nodes FILE…`.

The files are compressed pages of one real node, scraped one after the other; each node answers
with them in turn, so that values change from scrape to scrape as they did there.
"""

import asyncio
import resource
import sys
from collections import Counter
from pathlib import Path

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def _serve(pages: list[bytes]) -> None:
    scrapes: Counter[bytes] = Counter()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                node = request.split(b" ", 2)[1]
                body = pages[scrapes[node] % len(pages)]
                scrapes[node] += 1
                head = f"Content-Type: {CONTENT_TYPE}\r\nContent-Encoding: gzip\r\n"
                head = f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Print the port, and answer until it is ended."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_serve([Path(name).read_bytes() for name in sys.argv[1:]]))


if __name__ == "__main__":
    main()
