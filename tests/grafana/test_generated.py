"""The dashboards as files: up to date, in the words of the room, with the units and limits of the tables."""

import json
import re
import shutil

import pytest

from contract.kinds import KINDS
from grafana import build, preview, style
from grafana import city as cities
from grafana.influxql import tag_is
from hub.kpis.measures import MEASURES

FILES = {file.stem: json.loads(file.read_text()) for file in sorted(build.GENERATED.glob("*.json"))}

ENGLISH = re.compile(r"\b(the|of|and|is|are|for|with|by|not|all)\b", re.IGNORECASE)


def panels(*without):
    """Every panel of every dashboard, but those of some types."""
    return [
        pytest.param(uid, panel, id=f"{uid}-{panel['title']}")
        for uid, dashboard in FILES.items()
        for panel in dashboard["panels"]
        if panel["type"] not in without
    ]


PANELS, DRAWN = panels("row"), panels("row", "text")


def test_the_files_are_what_the_code_builds():
    assert {f"{uid}.json" for uid in FILES} == set(build.texts())
    for name, text in build.texts().items():
        assert (build.GENERATED / name).read_text() == text, f"{name} is old: python -m grafana.build"


def test_the_sheet_is_drawn_from_the_files():
    assert preview.PLACE.read_text() == preview.text(), "the sheet is old: python -m grafana.preview"
    other = [{**one, "title": "Lain"} for one in FILES.values()]
    assert preview.sheet(other) != preview.text()


def changed(tmp_path, file, old, new):
    """The city with a line of its profile changed."""
    shutil.copytree(build.PROFILE, tmp_path / "kota")
    text = (tmp_path / "kota" / file).read_text()
    assert old in text
    (tmp_path / "kota" / file).write_text(text.replace(old, new, 1))
    return build.dashboards(cities.read(tmp_path / "kota", build.GENERATED_AT_MS))


def test_a_limit_that_changes_in_the_profile_changes_the_wall(tmp_path):
    before = FILES["siaga-sungai"]
    after = changed(tmp_path, "region.toml", "siaga_1_m = 2.00", "siaga_1_m = 2.25")["siaga-sungai"]
    assert limits(of(before, "Bendung Hulu")) == [0.8, 1.5, 2.0]
    assert limits(of(after, "Bendung Hulu")) == [0.8, 1.5, 2.25]


def test_a_rule_that_changes_changes_the_wall(tmp_path):
    after = changed(tmp_path, "rules.toml", "above_pct = 90", "above_pct = 85")["siaga-tempat-tidur"]
    assert limits(of(FILES["siaga-tempat-tidur"], "Keterisian")) == [90]
    assert limits(of(after, "Keterisian")) == [85]


def test_a_name_of_the_profile_ends_no_literal_of_a_query():
    assert tag_is("device", "pos 'A' \\") == "\"device\" = 'pos \\'A\\' \\\\'"


def of(dashboard, title):
    """The panel of that title."""
    return next(panel for panel in dashboard["panels"] if panel["title"] == title)


def limits(panel):
    """Where a panel's colour changes."""
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_panel_says_in_bahasa_indonesia_what_it_shows(uid, panel):
    assert panel["title"].strip()
    assert len(panel["description"]) > 15
    assert panel["description"].endswith(".")
    assert not ENGLISH.search(panel["title"] + " " + panel["description"])


def test_english_is_seen():
    assert ENGLISH.search("Beds of the city")


@pytest.mark.parametrize(("uid", "panel"), DRAWN)
def test_no_panel_draws_what_it_does_not_know_as_zero(uid, panel):
    assert panel["fieldConfig"]["defaults"]["noValue"] == style.NO_VALUE
    queries = [target["query"] for target in panel["targets"]]
    counted = all("count(" in query for query in queries)
    assert counted or not any("fill(0)" in query for query in queries), "a gap is not zero"


@pytest.mark.parametrize(("uid", "panel"), DRAWN)
def test_the_unit_is_that_of_the_tables(uid, panel):
    """Of each field that is asked for; a share in per cent is computed of two counts."""
    overrides = {
        one["matcher"]["options"]: {entry["id"]: entry["value"] for entry in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }
    default = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        if "100 *" in target["query"]:
            assert default == style.PERCENT
            continue
        for field, heading in asked_fields(target["query"]):
            unit = overrides.get(heading, {}).get("unit", default)
            wanted = (
                style.COUNT if "count(" in target["query"] else style.UNITS[unit_of(target["query"], field)]
            )
            assert unit == wanted or unit.startswith("time:"), (field, heading)


def asked_fields(query):
    """(field, heading) of what a query selects from the table, of the innermost SELECT."""
    inner = query.rpartition("SELECT ")[2].partition(" FROM ")[0]
    named = re.findall(r'"(\w+)"\)?(?:, \d+\))?(?: AS "([^"]+)")?', inner)
    pattern = re.findall(r"/\^(\w+?)\(_max\)\?\$/", inner)
    return [(field, heading or field) for field, heading in named] + [(field, field) for field in pattern]


def measurement_of(query):
    (name,) = set(re.findall(r'FROM "(\w+)"', query))
    return name


def unit_of(query, field):
    """The unit of a field by the tables of kinds and measures; a tag has none."""
    name = measurement_of(query)
    if name in KINDS:
        return KINDS[name].quantities[field].unit
    measure = MEASURES[name]
    return "" if field in measure.tags else measure.fields[field].unit


@pytest.mark.parametrize(("uid", "panel"), DRAWN)
def test_every_measurement_field_and_tag_is_in_the_tables(uid, panel):
    for target in panel["targets"]:
        query = target["query"]
        for field, _ in asked_fields(query):
            unit_of(query, field)
        tags = {"site", "gateway", "device"}
        if (measure := MEASURES.get(measurement_of(query))) is not None:
            tags = set(measure.tags)
        grouped = query.rpartition("GROUP BY ")[2].partition(" fill")[0]
        assert set(re.findall(r'"(\w+)"', grouped)) <= tags | {"n"} if "GROUP BY" in query else True


def test_a_field_that_is_not_there_is_seen():
    with pytest.raises(KeyError):
        unit_of('SELECT last("levl_m") FROM "kpi_rivers" WHERE $timeFilter', "levl_m")


@pytest.mark.parametrize("uid", FILES)
def test_no_data_source_is_named_by_id(uid):
    dashboard = FILES[uid]
    variables = {"${" + one["name"] + "}" for one in dashboard["templating"]["list"]}
    sources = list(sources_in(dashboard))
    assert len(sources) > 10
    assert {one["type"] for one in sources} == {"influxdb"}
    assert {one["uid"] for one in sources} <= variables


def sources_in(value):
    if isinstance(value, dict):
        if isinstance(value.get("datasource"), dict):
            yield value["datasource"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from sources_in(one)


@pytest.mark.parametrize("uid", FILES)
def test_no_query_names_a_retention_policy_or_a_database(uid):
    for panel in FILES[uid]["panels"]:
        for target in panel.get("targets", ()):
            assert re.findall(r"FROM (\S+)", target["query"])
            assert not re.search(r'FROM "\w+"\.', target["query"])


def test_addresses_and_panel_numbers_are_each_once():
    assert len({one["title"] for one in FILES.values()}) == len(FILES) == len(build.MODULES)
    for uid, dashboard in FILES.items():
        assert dashboard["uid"] == uid
        assert 8 <= len(uid) <= 40
        titles = [panel["title"] for panel in dashboard["panels"]]
        assert len(set(titles)) == len(titles)
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("uid", FILES)
def test_no_panel_lies_on_another(uid):
    taken = set()
    for panel in FILES[uid]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_river_post_has_its_own_limits_on_the_wall():
    region = cities.read(build.PROFILE, build.GENERATED_AT_MS).region
    for station in region.stations.values():
        assert limits(of(FILES["siaga-sungai"], station.name)) == [mm / 1000 for mm in station.thresholds_mm]
