"""The pages of the API's test hub."""

from tests.hub.api.conftest import empty_store, hub, server

__all__ = ["empty_store", "hub", "server"]
