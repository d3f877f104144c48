# SPDX-License-Identifier: GPL-2.0-or-later
"""report.py: from repeated samples to medians, ratios and tables.

Samples are collected under (case, switch); every figure of a sample is a
number.  A table is a list of rows of strings, printed as plain text or as
Markdown between the markers of docs/performance.md:

    <!-- bench:NAME -->
    ...rewritten...
    <!-- /bench:NAME -->
"""
import re
from statistics import median


class Samples:
    """case -> switch -> figure -> values, in order of first appearance."""

    def __init__(self):
        self.values = {}

    def add(self, case, switch, **figures):
        at = self.values.setdefault(case, {}).setdefault(switch, {})
        for name, value in figures.items():
            at.setdefault(name, []).append(value)

    def cases(self):
        return list(self.values)

    def switches(self, case):
        return list(self.values[case])

    def median(self, case, switch, figure):
        """The median, or None if never sampled."""
        found = self.values.get(case, {}).get(switch, {}).get(figure)
        return median(found) if found else None

    def comparable(self, switches, times):
        """Is there a place with so many samples of all, in every case?"""
        def often(case):
            return all(switch in self.values[case] and
                       min(map(len, self.values[case][switch].values())) >=
                       times for switch in switches)

        whats = {what for what, _ in self.values}
        return any(all((what, place) in self.values and often((what, place))
                       for what in whats)
                   for place in {place for _, place in self.values})

    def ratio(self, case, figure, switch, to):
        """Median of switch / median of `to`, or None."""
        a = self.median(case, switch, figure)
        b = self.median(case, to, figure)
        return a / b if a is not None and b else None

    def spread(self, case, switch, figure):
        """(max - min) / median: how much to believe it."""
        found = self.values[case][switch][figure]
        middle = median(found)
        return (max(found) - min(found)) / middle if middle else 0.0

    def as_json(self):
        """Cases become text; every figure its median and all values."""
        def figures(of):
            return {name: {"median": median(v), "values": v}
                    for name, v in of.items()}

        return {case if isinstance(case, str) else ", ".join(case):
                {switch: figures(of) for switch, of in switches.items()}
                for case, switches in self.values.items()}


def number(value, digits=2):
    if value is None:
        return "-"
    return f"{value:.{digits}f}"


def goal(value, limit, at_most=True):
    """"0.61 (<= 0.65)", marked when it is missed."""
    if value is None:
        return "-"
    met = value <= limit if at_most else value >= limit
    sign = "≤" if at_most else "≥"
    return f"{value:.2f} ({sign} {limit}{'' if met else ', MISSED'})"


def as_text(rows):
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(str(c).ljust(w) for c, w in zip(r, widths)).rstrip()
             for r in rows]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)


def as_markdown(rows):
    lines = ["| " + " | ".join(str(c) for c in r) + " |" for r in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def rewrite(path, blocks):
    """Put each block of Markdown between its markers; returns those found."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = []
    for name, body in blocks.items():
        pattern = re.compile(
            rf"(<!-- bench:{re.escape(name)} -->\n).*?"
            rf"(<!-- /bench:{re.escape(name)} -->)", re.S)
        text, count = pattern.subn(
            lambda m, body=body: m.group(1) + body + "\n" + m.group(2), text)
        if count:
            found.append(name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return found
