"""Servers that a whole test session shares, and a broker client that says what the broker answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from simulator.servers import Influx, Mosquitto, Postgres


def new_gateway_id(stem: str = "uji") -> str:
    """A gateway id that no other test of the session has."""
    return f"{stem}-{uuid4().hex[:8]}"


def running_broker(folder: Path) -> Iterator[Mosquitto]:
    """A broker that ends with the block. Enrol gateways with ``enrol``; their ids from ``new_gateway_id``."""
    server = Mosquitto(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def running_influx(folder: Path) -> Iterator[Influx]:
    """An InfluxDB that ends with the block. Take a database name of your own."""
    server = Influx(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL that ends with the block. Take a database of your own with ``create_database``."""
    server = Postgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
