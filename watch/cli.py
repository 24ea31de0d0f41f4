"""``siaga-watch``: watch over a hub, or try it out."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.errors import SiagaError
from watch import words
from watch.app import Watch
from watch.config import Config, load_config
from watch.contacts import Contacts, channels_of

REFUSED = 2
"""Exit status when it cannot work as it is configured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    for chatty in ("apprise", "urllib3", "requests"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    try:
        config = load_config(options.config)
        contacts = Contacts(channels_of(config.contact))
        return int(asyncio.run(options.work(config, contacts)))
    except (SiagaError, OSError) as error:
        print(f"siaga-watch: {error}", file=sys.stderr)
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siaga-watch", description="Penjaga hub / Watches over a hub.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, work, text in (
        ("run", _run, "press again and again, and tell people when nobody answers"),
        ("test", _test, "press once and send every contact a test message"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the watch's TOML file"
        )
        command.set_defaults(work=work)
    return parser


async def _run(config: Config, contacts: Contacts) -> int:
    task = asyncio.create_task(Watch(config, contacts).run(), name="watch")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return REFUSED


async def _test(config: Config, contacts: Contacts) -> int:
    reason = await Watch(config, contacts).once()
    indonesian, english = words.REASONS[reason] if reason else ("disimpan oleh hub", "stored by the hub")
    print(f"tekanan uji / test press: {indonesian} / {english}")
    told = await contacts.once(words.trial(config.name))
    for name, took in told.items():
        print(f"{name}: {'terkirim / sent' if took else 'GAGAL / FAILED'}")
    contacts.close()
    return 0 if reason is None and all(told.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
