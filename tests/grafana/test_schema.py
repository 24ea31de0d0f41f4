"""The dashboards against Grafana's published types (npm @grafana/schema), of the oldest Grafana that they are for and
of the newest: nothing unknown, nothing of a wrong type."""

import json
import platform
import subprocess
from pathlib import Path

import pytest

from grafana import build

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / ".siaga" / "schema" / "node_modules"
NEWEST, OLDEST = "@grafana/schema", "grafana-schema-10"
"""The packages: 13, and 10.4 under a name of its own."""

HEAD = """
import type { AnnotationQuery, Dashboard, DataQuery } from '@PACKAGE@';
interface InfluxQuery extends DataQuery {
  query: string; rawQuery: boolean; fromAnnotations: boolean;
  textColumn: string; tagsColumn: string; timeEndColumn: string;
}
type Board = Omit<Dashboard, 'annotations'> & { annotations: { list: AnnotationQuery<InfluxQuery>[] } };
// What JSON can say of a type: the words of an enumeration instead of the enumeration.
type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
"""

DASHBOARDS = [json.loads(file.read_text()) for file in sorted(build.GENERATED.glob("*.json"))]


def kind_of(panel):
    """The panel's name in the package."""
    return panel["type"].replace("-", "")


def composable(package):
    """Where a package has the options of each kind of panel: newer ones keep their types apart."""
    places = (MODULES / package / "dist" / kind / "raw" / "composable" for kind in ("types", "esm"))
    return next(place for place in places if place.is_dir())


def options_of(package, kind):
    """The module with the options of a kind of panel."""
    folder = composable(package) / kind / "panelcfg" / "x"
    place = next(folder.glob("*types.gen.d.ts"), folder / "types.gen.d.ts")
    return str(place).removesuffix(".d.ts")


def typescript(dashboards, package):
    """A program that is right when the dashboards are."""
    panels = [panel for one in dashboards for panel in one["panels"] if panel["type"] != "row"]
    kinds = sorted({kind_of(panel) for panel in panels})
    lines = [HEAD.replace("@PACKAGE@", package)]
    lines += [f"import type * as {kind} from '{options_of(package, kind)}';" for kind in kinds]
    for at, panel in enumerate(panels):
        options = f"Json<Partial<{kind_of(panel)}.Options>>"
        lines.append(f"export const options{at}: {options} = {json.dumps(panel.get('options', {}))};")
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
        if custom:
            fields = f"Json<Partial<{kind_of(panel)}.FieldConfig>>"
            lines.append(f"export const custom{at}: {fields} = {json.dumps(custom)};")
    lines += [
        f"export const board{at}: Json<Board> = {json.dumps(one)};" for at, one in enumerate(dashboards)
    ]
    return "\n".join(lines)


def compiled(tmp_path, dashboards, package=NEWEST):
    """What the compiler says of them."""
    if not MODULES.is_dir():
        pytest.fail("Grafana's types are not here: setup/install test")
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "dashboards.ts").write_text(typescript(dashboards, package))
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    compiler = MODULES / "@typescript" / f"typescript-linux-{machine}" / "lib" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--target", "esnext"]
    done = subprocess.run(
        [compiler, *options, "--moduleResolution", "bundler", "dashboards.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("package", [OLDEST, NEWEST])
def test_every_dashboard_is_one_by_grafanas_own_types(tmp_path, package):
    assert compiled(tmp_path, DASHBOARDS, package) == ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one: one.update(refreshes="5s"), "refreshes"),
        (lambda one: one["panels"][1].update(gridPos={"h": "8", "w": 8, "x": 0, "y": 0}), "number"),
        (lambda one: one["panels"][1]["options"].update(colorMode="rainbow"), "rainbow"),
        (lambda one: one["panels"][1].update(type="graph"), "graph"),
    ],
)
def test_what_grafana_does_not_know_is_seen(tmp_path, spoil, said):
    spoilt = json.loads(json.dumps(DASHBOARDS[0]))
    spoil(spoilt)
    assert said in compiled(tmp_path, [spoilt])


def test_no_panel_is_one_that_grafana_has_given_up():
    """A type of panel that is still maintained has its options in the package."""
    used = {kind_of(panel) for one in DASHBOARDS for panel in one["panels"]} - {"row"}
    kept = {place.name for place in composable(NEWEST).iterdir()}
    assert used <= kept
    assert "graph" not in kept
