"""Panels in the house's style: each has a title, a unit and a description, and says when it knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueJustifyMode,
    BigValueTextMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    Panel,
    ValueMapping,
)
from grafana_foundation_sdk.models.text import TextMode

from grafana import style
from grafana.influxql import TYPE, Target, lettered

P = TypeVar(
    "P",
    bargauge.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)

AnyPanel = Builder[Panel]
"""Any panel that a dashboard takes."""

FRESH = "2m"
"""How old a value of now may be: states are written every 10 s, and what is older is unknown."""


JOINED_S = 90.0
"""Three times the longest that a state of now is away."""


@dataclass(frozen=True)
class Say:
    """What every panel says of itself, in Bahasa Indonesia, and how large it is on a grid 24 wide."""

    title: str
    description: str
    width: int = 6
    height: int = 4
    unit: str = style.COUNT


@dataclass(frozen=True)
class Column:
    """How a column of a table looks.

    Attributes:
        colour: the cell takes the colour of its value.
    """

    unit: str = ""
    decimals: int | None = None
    mappings: Sequence[ValueMapping] = ()
    thresholds: dashboard.ThresholdsConfig | None = None
    width: int | None = None
    colour: bool = field(default=False)


def number(
    say: Say,
    *targets: Target,
    thresholds: dashboard.ThresholdsConfig | None = None,
    mappings: Sequence[ValueMapping] = (),
    fresh: str = FRESH,
    decimals: int = 0,
) -> stat.Panel:
    """One large number (or one for each line of the query) of now."""
    panel = (
        _dress(stat.Panel(), say, targets)
        .time_from(fresh)
        .hide_time_override(True)
        .decimals(decimals)
        .mappings([*mappings, style.unknown()])
        .thresholds(thresholds or style.quiet())
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .justify_mode(BigValueJustifyMode.CENTER)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    many = len(targets) > 1 or 'GROUP BY "' in targets[0].query.rpartition(")")[2]
    return panel.text_mode(BigValueTextMode.VALUE_AND_NAME if many else BigValueTextMode.VALUE)


def bars(
    say: Say,
    *targets: Target,
    thresholds: dashboard.ThresholdsConfig | None = None,
    fresh: str = FRESH,
    most: float | None = None,
) -> bargauge.Panel:
    """A bar for each line of the query, of now."""
    panel = (
        _dress(bargauge.Panel(), say, targets)
        .time_from(fresh)
        .hide_time_override(True)
        .decimals(0)
        .min(0)
        .thresholds(thresholds or style.quiet())
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    return panel if most is None else panel.max(most)


def curves(
    say: Say,
    *targets: Target,
    thresholds: dashboard.ThresholdsConfig | None = None,
    stacked: bool = False,
    decimals: int | None = None,
    soft_min: float | None = None,
    joined_s: float = JOINED_S,
) -> timeseries.Panel:
    """Lines over the range shown. With thresholds they are drawn across.

    Args:
        joined_s: two values are joined by a line when they are at most this far apart; else the gap stays a gap.
    """
    panel = (
        _dress(timeseries.Panel(), say, targets)
        .line_width(2)
        .line_interpolation(LineInterpolation.LINEAR)
        .fill_opacity(20 if stacked else 0)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(joined_s * 1000)
        .thresholds(thresholds or style.quiet())
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if thresholds is not None:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if decimals is not None:
        panel.decimals(decimals)
    if soft_min is not None:
        panel.axis_soft_min(soft_min)
    return panel


def states(say: Say, *targets: Target, mappings: Sequence[ValueMapping]) -> statetimeline.Panel:
    """A band for each line of the query, coloured by state; where nothing is known the band is interrupted."""
    return (
        _dress(statetimeline.Panel(), say, targets)
        .mappings(list(mappings))
        .thresholds(style.quiet())
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.85)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def rows(
    say: Say,
    target: Target,
    columns: Mapping[str, Column],
    *,
    fresh: str | None = FRESH,
    show_time: str = "",
    sort: str = "",
) -> table.Panel:
    """A table. Every column, by its heading, gets its style; the time is shown only under the heading given.

    Args:
        fresh: None shows what lies in the range of the dashboard.
    """
    panel = (
        _dress(table.Panel(), say, [target])
        .mappings([style.unknown()])
        .thresholds(style.quiet())
        .transformations([DataTransformerConfig(id_val="organize", options=_renamed(show_time))])
    )
    if fresh is not None:
        panel.time_from(fresh).hide_time_override(True)
    if sort:
        panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    for name, column in columns.items():
        panel.override_by_name(name, _properties(column))
    return panel


def named(panel: P, names: Mapping[str, str]) -> P:
    """The panel with its lines called by name instead of by the value of their tag."""
    for value, name in names.items():
        panel.override_by_name(value, [DynamicConfigValue(id_val="displayName", value=name)])
    return panel


def coloured(panel: P, colours: Mapping[str, str]) -> P:
    """The panel with lines of these names in colours that mean something."""
    for name, colour in colours.items():
        fixed = {"mode": FieldColorModeId.FIXED, "fixedColor": colour}
        panel.override_by_name(name, [DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def words(say: Say, html: str) -> text.Panel:
    """HTML that Grafana keeps: no script, no style sheet, pictures only as data."""
    return (
        text.Panel()
        .title(say.title)
        .description(say.description)
        .grid_pos(GridPos(h=say.height, w=say.width))
        .transparent(True)
        .mode(TextMode.HTML)
        .content(html)
    )


def _dress(panel: P, say: Say, targets: Sequence[Target]) -> P:
    (source,) = {target.source for target in targets}
    return (
        panel.title(say.title)
        .description(say.description)
        .unit(say.unit)
        .no_value(style.NO_VALUE)
        .grid_pos(GridPos(h=say.height, w=say.width))
        .datasource(DataSourceRef(type_val=TYPE, uid="${" + source + "}"))
        .targets(lettered(targets))
    )


def _renamed(show_time: str) -> dict[str, object]:
    """Columns by their headings; a column that is not there is no fault."""
    names = {**style.TAGS, **({"Time": show_time} if show_time else {})}
    hidden = {} if show_time else {"Time": True}
    return {"excludeByName": hidden, "indexByName": {"Time": 0} if show_time else {}, "renameByName": names}


def _properties(column: Column) -> list[DynamicConfigValue]:
    found: list[tuple[str, object]] = []
    if column.unit:
        found.append(("unit", column.unit))
    if column.decimals is not None:
        found.append(("decimals", column.decimals))
    if column.mappings:
        found.append(("mappings", list(column.mappings)))
    if column.thresholds is not None:
        found.append(("thresholds", column.thresholds.build()))
    if column.width is not None:
        found.append(("custom.width", column.width))
    if column.colour:
        found.append(("custom.cellOptions", {"type": "color-text"}))
    return [DynamicConfigValue(id_val=name, value=value) for name, value in found]
