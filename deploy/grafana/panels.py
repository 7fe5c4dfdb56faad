"""Panels of one look, and a dashboard made of rows of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common as shape
from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = Builder[model.Panel]

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${source}")
#: Grafana's unit of counts that are no bytes: 12.3 K.
COUNT: Final = units.Short
SECONDS: Final = units.Seconds
PER_SECOND: Final = "cps"
SHARE: Final = units.PercentUnit
_HEIGHT: Final = 8
_RUNBOOK: Final = "${docs:raw}/runbook.md#"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Above what a value is bad, and above what it is no longer good, where that is another one."""

    bad: float
    warning: float | None = None

    def steps(self) -> list[model.Threshold]:
        """As Grafana has them."""
        warning = [] if self.warning is None else [model.Threshold(self.warning, "orange")]
        return [model.Threshold(None, "green"), *warning, model.Threshold(self.bad, "red")]


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: Sequence[Panel]


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    span: int = 8,
    stacked: bool = False,
    limits: Limits | None = None,
    alert: str = "",
) -> Panel:
    """Lines over time. `limits` are drawn; `alert`: whose section of the runbook is linked."""
    panel = (
        timeseries.Panel()
        .unit(unit)
        .fill_opacity(30 if stacked else 8)
        .line_width(1)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            shape.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            shape.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .axis_soft_min(0)
    )
    if stacked:
        panel.stacking(shape.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if limits is not None:
        panel.thresholds(_thresholds(limits))
        panel.thresholds_style(
            shape.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    _finish(panel, title, description, span, _HEIGHT, alert)
    for query in _targets(queries):
        panel.with_target(query)
    return panel


def number(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    span: int = 4,
    limits: Limits | None = None,
    alert: str = "",
) -> Panel:
    """One value, now, above its past."""
    panel = (
        stat.Panel()
        .unit(unit)
        .graph_mode(common.BigValueGraphMode.AREA)
        .color_mode(common.BigValueColorMode.VALUE)
        .reduce_options(shape.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("nobody says")
    )
    if limits is not None:
        panel.thresholds(_thresholds(limits))
    _finish(panel, title, description, span, _HEIGHT // 2, alert)
    for target in _targets([query]):
        panel.with_target(target)
    return panel


def latencies(title: str, description: str, expr: str, *, span: int = 12, alert: str = "") -> Panel:
    """How many took how long: `expr` gives the rates of a histogram's buckets, by `le`."""
    panel = (
        heatmap.Panel()
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(SECONDS).axis_placement(common.AxisPlacement.LEFT))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
            .exponent(0.5)
        )
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .cell_values(heatmap.CellValues().unit(PER_SECOND))
        .rows_frame(heatmap.RowsHeatmapOptions().layout(common.HeatmapCellLayout.AUTO))
        .mode(common.TooltipDisplayMode.SINGLE)
        .show_y_histogram()
        .show_legend()
    )
    _finish(panel, title, description, span, _HEIGHT, alert)
    target = prometheus.Dataquery().expr(expr).legend_format("{{le}}").format(PromQueryFormat.HEATMAP)
    panel.with_target(target.datasource(SOURCE).ref_id("A").range())
    return panel


def figures(
    title: str, description: str, unit: str, *queries: Query, span: int = 12, alert: str = ""
) -> Panel:
    """A table: a row for each combination of labels, a column for each query, called by its legend."""
    panel = table.Panel().unit(unit)
    _finish(panel, title, description, span, _HEIGHT, alert)
    for query, letter in zip(queries, "ABCDEFGH", strict=False):
        target = prometheus.Dataquery().expr(query.expr).format(PromQueryFormat.TABLE).instant()
        panel.with_target(target.datasource(SOURCE).ref_id(letter))
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    names = {f"Value #{letter}": query.legend for query, letter in zip(queries, "ABCDEFGH", strict=False)} | (
        {"Value": queries[0].legend} if len(queries) == 1 else {}
    )
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True, "__name__": True}, "renameByName": names},
        )
    )
    return panel


def build(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Builder[model.VariableModel]],
    rows: Sequence[Row],
    *,
    since: str,
) -> model.Dashboard:
    """A dashboard. `since`: what it shows at first, such as now-6h."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["streamproc"])
        .timezone("browser")
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("30s")
        .link(
            dashboard.DashboardLink("streamproc")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["streamproc"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("Runbook")
            .type(model.DashboardLinkType.LINK)
            .icon("doc")
            .url("${docs:raw}/runbook.md")
            .target_blank(True)
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(True)
            .icon_color("red")
            .expr('ALERTS{alertname=~"Streamproc.*", alertstate="firing", job=~"$job"}')
        )
    )
    for variable in variables:
        made.with_variable(variable)
    for row in rows:
        made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            made.with_panel(panel)
    whole = made.build()
    for number_, panel_ in enumerate(whole.panels or [], 1):
        panel_.id_val = number_
    return whole


def source() -> Builder[model.VariableModel]:
    """The choice of a Prometheus."""
    return dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")


def docs() -> Builder[model.VariableModel]:
    """Where docs/ can be read, for links to the runbook."""
    return (
        dashboard.TextBoxVariable("docs")
        .label("docs/ is at")
        .default_value("https://git.example.com/streamproc/docs")
    )


def labels(name: str, label: str, metric: str, **chosen: str) -> Builder[model.VariableModel]:
    """A choice among the values of a label; `chosen`: label=variable that narrow it."""
    narrowed = ",".join(f'{other}=~"${variable}"' for other, variable in chosen.items())
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(
            f"label_values({metric}{{{narrowed}}}, {name})" if narrowed else f"label_values({metric}, {name})"
        )
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(text="All", value="$__all", selected=True))
    )


def window(default: str, *others: str) -> Builder[model.VariableModel]:
    """Over how long shares are taken."""
    return (
        dashboard.CustomVariable("window")
        .label("over")
        .values(",".join((default, *others)))
        .current(model.VariableOption(text=default, value=default, selected=True))
    )


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(limits.steps())


def _targets(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend)
        .datasource(SOURCE)
        .ref_id(letter)
        .range()
        for query, letter in zip(queries, "ABCDEFGH", strict=False)
    ]


def _finish(
    panel: timeseries.Panel | stat.Panel | heatmap.Panel | table.Panel,
    title: str,
    description: str,
    span: int,
    height: int,
    alert: str,
) -> None:
    panel.title(title).description(description).datasource(SOURCE).span(span).height(height)
    if alert:
        link = dashboard.DashboardLink(f"Runbook: {alert}").type(model.DashboardLinkType.LINK)
        panel.links([link.url(_RUNBOOK + alert.lower()).target_blank(True)])
