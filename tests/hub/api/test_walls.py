"""The door for the walls' beats, and who sees them."""

from dataclasses import replace

from hub.walls.beats import SILENT_MS, Beat, Beats

TOKENS = {"utama": "u" * 40, "lobi": "l" * 40}
SAID = {"shows": "Siaga: dinding", "version": "0123456789ab", "up_s": 90, "loaded_s": 60, "grafana": True}


def with_walls(hub):
    walls = Beats(TOKENS, began_mono_ms=0)
    hub.app.state.services = replace(hub.services, walls=walls, wall_tokens=TOKENS)


async def test_a_wall_tells_by_its_token_and_nobody_without(hub):
    with_walls(hub)
    async with hub.client() as wall:
        for token in ("", "Bearer", "Bearer x", f"Basic {'u' * 40}"):
            refused = await wall.post("/api/v1/walls", json=SAID, headers={"Authorization": token})
            assert refused.status_code == 403, token
        wall.headers["Authorization"] = f"Bearer {'u' * 40}"
        assert (await wall.post("/api/v1/walls", json=SAID)).json() == {"wall": "utama"}
        for wrong in ({"up_s": -1}, {"shows": "x" * 101}, {"grafana": "mungkin"}):
            assert (await wall.post("/api/v1/walls", json=SAID | wrong)).status_code == 422, wrong
        assert (await wall.get("/api/walls")).status_code == 401, "its token opens nothing else"
        press = await wall.post("/api/v1/presses", json={"id": "12345678", "sender": "x"})
        assert press.status_code in (403, 422)
    async with hub.login("tono", "technician") as tono:
        shown = {one["name"]: one for one in (await tono.get("/api/walls")).json()["walls"]}
        assert (shown["utama"]["state"], shown["utama"]["shows"]) == ("lit", "Siaga: dinding")
        assert (shown["lobi"]["state"], shown["lobi"]["heard_ms"]) == ("waiting", None)
    async with hub.login("ani", "agency") as ani:
        assert (await ani.get("/api/walls")).status_code == 403


async def test_the_page_of_the_gateways_shows_the_walls(hub):
    async with hub.login("tono", "technician") as tono:
        assert "wall-utama" not in (await tono.get("/gateways")).text
        with_walls(hub)
        hub.app.state.services.walls.take("lobi", Beat(**SAID), now_ms=hub.clock.now_ms(), mono_ms=0)
        tono.cookies.set("siaga-lang", "id")
        page = (await tono.get("/gateways")).text
        assert "Siaga: dinding" in page
        assert "belum terdengar" in page
        hub.clock.at_ms += SILENT_MS
        page = (await tono.get("/gateways")).text
        assert [f'class="gateway is-unheard" id="wall-{name}"' in page for name in TOKENS] == [True, True]
