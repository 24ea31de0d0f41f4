"""``python -m simulator.bad_hour``: what each recipient got and when, as a Markdown table."""

from __future__ import annotations

from simulator.bad_hour.hour import Got, play


def _at(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f}"


def table(found: list[Got]) -> str:
    """The table."""
    lines = [
        "| the agency's system | attempts | own channel took it, s | second channel, s | reached, s | at the end |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for one in found:
        attempts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(one.outcomes.items()))
        lines.append(
            f"| {one.words} | {attempts} | {_at(one.own_s)} | {_at(one.second_s)} | {_at(one.reached_s)} "
            f"| {one.state} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(play()[0]))
