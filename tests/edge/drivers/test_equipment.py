"""Services beside the polls: one that fails begins anew, and takes nothing else with it."""

from __future__ import annotations

import asyncio

from edge.drivers import equipment


async def test_a_service_that_fails_begins_anew(monkeypatch, caplog):
    monkeypatch.setattr(equipment, "AGAIN_S", 0)
    begun = asyncio.Semaphore(0)

    class Faulty:
        times = 0

        async def run(self, store):
            self.times += 1
            begun.release()
            if self.times < 3:
                raise OverflowError("unforeseen")
            await asyncio.Event().wait()

    service = Faulty()
    going = asyncio.create_task(equipment._go_on(service, None))
    async with asyncio.timeout(10):
        for _ in range(3):
            await begun.acquire()
    going.cancel()
    await asyncio.wait({going})
    assert going.cancelled(), "a stop is a stop"
    assert service.times == 3
    assert caplog.text.count("service_failed service=Faulty") == 2
