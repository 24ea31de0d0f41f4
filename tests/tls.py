"""TLS in memory, for tests of who trusts whom."""

import itertools
import ssl


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Both sides of TLS in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for end in itertools.islice(itertools.cycle(ends), 10):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
