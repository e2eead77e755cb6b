# SPDX-License-Identifier: Apache-2.0
"""Drawings as SVG, with nothing but text, and as PNG: rates beside the peers', latencies by their share of requests, what
growth costs, and how the rate comes back."""

import math
import os
import subprocess

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 90, 34, 40, 58
COLOURS = ["#0b6e4f", "#c8553d", "#2e5eaa", "#8a6d3b", "#7b4b94"]
LETTER = 7.2  # about as wide as one of the legend is


class Drawing:
    def __init__(self, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        ]
        self.text(LEFT, 24, title, size=15)

    def text(self, x, y, text, anchor="start", size=13, colour="#222"):
        text = text.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{text}</text>'
        )

    def line(self, points, colour="#ddd", width=1.0):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def points(self, points, colour):
        """A line, and what was measured marked on it."""
        self.line(points, colour, 2)
        for x, y in points:
            self.box(x - 3, y - 3, 6, 6, colour)

    def legend(self, names):
        x = LEFT
        for number, name in enumerate(names):
            self.box(x, HEIGHT - 19, 12, 12, COLOURS[number % len(COLOURS)])
            self.text(x + 18, HEIGHT - 8, name, colour=COLOURS[number % len(COLOURS)])
            x += 18 + LETTER * len(name) + 22

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts) + "\n</svg>\n")


def grouped(number):
    return f"{number:,.0f}".replace(",", " ")


def step_of(top):
    """Between the lines of an axis that ends at `top`: three to nine of them."""
    step = 10 ** math.floor(math.log10(top))
    return step / 5 if top / step < 3 else step


def draw_rates(path, groups):
    """groups: [(label, [(name, rate, least, most)])]; bars from 0, with a line from least to most."""
    drawing = Drawing("Purchases a second")
    top = max(most for _, bars in groups for _, _, _, most in bars) * 1.1
    step = step_of(top)
    scale = (HEIGHT - TOP - BOTTOM) / top
    base = HEIGHT - BOTTOM
    for i in range(int(top / step) + 1):
        y = base - i * step * scale
        drawing.line([(LEFT, y), (WIDTH - RIGHT, y)])
        drawing.text(LEFT - 8, y + 4, grouped(i * step), "end")
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    for at, (label, bars) in enumerate(groups):
        width = room * 0.8 / len(bars)
        for number, (_, rate, least, most) in enumerate(bars):
            x = LEFT + room * (at + 0.1) + width * number
            drawing.box(x, base - rate * scale, width * 0.9, rate * scale, COLOURS[number % len(COLOURS)])
            drawing.line([(x + width * 0.45, base - least * scale), (x + width * 0.45, base - most * scale)], "#222", 1.5)
            drawing.text(x + width * 0.45, base - most * scale - 5, grouped(rate), "middle", 12)
        drawing.text(LEFT + room * (at + 0.5), base + 20, label, "middle")
    drawing.legend(name for name, *_ in groups[0][1])
    drawing.write(path)


def draw_latencies(path, curves):
    """curves: [(name, [(quantile, milliseconds)])]; both axes logarithmic, the horizontal one in nines."""
    drawing = Drawing("Latency in ms, by share of requests")
    points = [(q, ms) for _, curve in curves for q, ms in curve if ms > 0 and q < 1]
    low = math.floor(math.log10(min(ms for _, ms in points)))
    high = max(low + 1, math.ceil(math.log10(max(ms for _, ms in points))))
    nines = 3

    def place(quantile, ms):
        along = min(nines, -math.log10(1 - quantile)) / nines
        up = (math.log10(ms) - low) / (high - low)
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    for power in range(low, high + 1):
        drawing.line([place(0, 10**power), place(1 - 10**-nines, 10**power)])
        drawing.text(LEFT - 8, place(0, 10**power)[1] + 4, f"{10.0 ** power:g}", "end")
    for quantile in (0.5, 0.9, 0.99, 0.999):
        drawing.line([place(quantile, 10**low), place(quantile, 10**high)])
        drawing.text(place(quantile, 10**low)[0], HEIGHT - BOTTOM + 18, f"{quantile * 100:g} %", "middle")
    for number, (_, curve) in enumerate(curves):
        drawing.points([place(q, ms) for q, ms in curve if ms > 0 and q < 1], COLOURS[number % len(COLOURS)])
    drawing.legend(name for name, _ in curves)
    drawing.write(path)


def halves_between(least, most):
    """The numbers 1, 2, 5, 10, 20, 50, ... that enclose both."""
    numbers = [digit * 10.0**power for power in range(-3, 10) for digit in (1, 2, 5)]
    low = max(number for number in numbers if number <= least)
    high = min(number for number in numbers if number >= most)
    return [number for number in numbers if low <= number <= high]


def draw_growth(path, title, growth, value):
    """growth: {name: [point with `at`]}; `value` of each point, against how many; both axes logarithmic."""
    drawing = Drawing(title)
    points = [(point["at"], value(point)) for points in growth.values() for point in points]
    lines = halves_between(min(height for _, height in points), max(height for _, height in points) * 1.001)
    decades = max(1, math.ceil(math.log10(max(at for at, _ in points))))

    def place(at, height):
        along, up = math.log10(at) / decades, math.log10(height / lines[0]) / math.log10(lines[-1] / lines[0])
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    for height in lines:
        drawing.line([place(1, height), place(10**decades, height)])
        drawing.text(LEFT - 8, place(1, height)[1] + 4, grouped(height), "end")
    for decade in range(decades + 1):
        at = grouped(10**decade) if decade < 6 else f"{10 ** (decade - 6)} M"
        drawing.text(place(10**decade, lines[0])[0], HEIGHT - BOTTOM + 18, at, "middle")
    for number, points in enumerate(growth.values()):
        drawing.points([place(point["at"], value(point)) for point in points], COLOURS[number % len(COLOURS)])
    drawing.legend(growth)
    drawing.write(path)


def draw_recovery(path, cases):
    """For each case its share of the rate that was approved, in each second since it happened."""
    drawing = Drawing("Approved, of what was asked, in each second since it happened")
    longest = max(len(case["approved_each_s"]) for case in cases)

    def place(second, share):
        x = LEFT + second / longest * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - min(1.2, share) / 1.2 * (HEIGHT - TOP - BOTTOM)

    for percent in range(0, 121, 20):
        drawing.line([place(0, percent / 100), place(longest, percent / 100)])
        drawing.text(LEFT - 8, place(0, percent / 100)[1] + 4, f"{percent} %", "end")
    for second in range(0, longest + 1, 10):
        drawing.text(place(second, 0)[0], HEIGHT - BOTTOM + 18, f"{second} s", "middle")
    for number, case in enumerate(cases):
        shares = enumerate(approved / case["rate"] for approved in case["approved_each_s"])
        drawing.line([place(second + 0.5, share) for second, share in shares], COLOURS[number % len(COLOURS)], 2)
    drawing.legend(case["name"].replace("organisations", "org.").replace("organisation", "org.") for case in cases)
    drawing.write(path)


def as_png(path):
    """The same beside it, twice as large; the path of it."""
    there = os.path.splitext(path)[0] + ".png"
    subprocess.run(["rsvg-convert", "--zoom", "2", "--output", there, path], check=True)
    return there


def draw(directory, result, curves):
    os.makedirs(directory, exist_ok=True)
    groups = []
    for label, ours, theirs in (("200 organisations", "saturation", "rate"), ("one organisation", "hot", "rate_hot")):
        bars = [("Växel", *_spread(result[ours], "rate"))]
        bars += [(peer["name"].split(",")[0], *_spread(peer, theirs)) for peer in result["peers"]]
        groups.append((label, bars))
    paths = [os.path.join(directory, "rates.svg"), os.path.join(directory, "latencies.svg")]
    draw_rates(paths[0], groups)
    draw_latencies(paths[1], curves)
    if "growth" in result:
        paths += [os.path.join(directory, name) for name in ("growth-rate.svg", "growth-cpu.svg")]
        draw_growth(paths[2], "Purchases a second, by how many there are", result["growth"], lambda point: point["rate"])
        draw_growth(
            paths[3], "CPU µs a purchase, by how many there are", result["growth"], lambda point: sum(point["cpu_us"].values())
        )
    if result.get("recovery"):
        paths.append(os.path.join(directory, "recovery.svg"))
        draw_recovery(paths[-1], result["recovery"])
    return paths + [as_png(path) for path in paths]


def _spread(figures, name):
    return figures[name], figures.get(f"{name}_min", figures[name]), figures.get(f"{name}_max", figures[name])
