"""Answers in the shape of BMKG's, with invented words and places."""

from __future__ import annotations

import json

QUAKE = {
    "Tanggal": "22 Nov 2026",
    "Jam": "13:04:05 WIB",
    "DateTime": "2026-11-22T06:04:05+00:00",
    "Coordinates": "-6.10,108.90",
    "Lintang": "6.10 LS",
    "Bujur": "108.90 BT",
    "Magnitude": "5.1",
    "Kedalaman": "12 km",
    "Wilayah": "Pusat gempa berada di laut 14 km utara Kota Contoh",
    "Potensi": "Tidak berpotensi tsunami",
    "Dirasakan": "III Kota Contoh",
    "Shakemap": "contoh.jpg",
}
OLDER = {**QUAKE, "DateTime": "2026-11-21T01:00:00+00:00", "Magnitude": "3.4", "Potensi": "", "Dirasakan": ""}


def earthquakes(*quakes: dict[str, str]) -> bytes:
    """One is told alone, several as a list."""
    gempa = quakes[0] if len(quakes) == 1 else list(quakes)
    return json.dumps({"Infogempa": {"gempa": gempa}}).encode()


def rss(*links: str) -> bytes:
    """The list of warnings."""
    items = "".join(
        f"<item><title>Peringatan {n}</title><link>{link}</link></item>" for n, link in enumerate(links)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Contoh</title>'
    return f"{head}{items}</channel></rss>".encode()


def cap(
    identifier: str = "2.49.0.1.360.0.2026.11.22.06.00.00",
    *,
    status: str = "Actual",
    kind: str = "Alert",
    expires: str = "2026-11-22T16:00:00+07:00",
    polygon: str = "-6.0,108.8 -6.0,109.0 -6.2,109.0 -6.0,108.8",
) -> bytes:
    """A CAP 1.2 document."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>{identifier}</identifier><sender>contoh@bmkg.example</sender><sent>2026-11-22T13:10:00+07:00</sent>
<status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>
<info><language>id-ID</language><category>Met</category><event>Hujan Lebat dan Petir</event>
<urgency>Immediate</urgency><severity>Moderate</severity><certainty>Observed</certainty>
<expires>{expires}</expires><headline>Hujan lebat di Kota Contoh</headline>
<description>Berpotensi hujan lebat disertai petir.</description>
<area><areaDesc>Kota Contoh</areaDesc><polygon>{polygon}</polygon></area></info></alert>""".encode()
