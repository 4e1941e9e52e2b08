"""A journal as one page of HTML, which needs nothing besides itself: numbers, and pictures of what went wrong."""

import html
import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fastfit.bulk.summary import Example, Summary, amount
from fastfit.bulk.thumbnails import Picture, pictures_of
from fastfit.disk import write_atomically
from fastfit.errors import printable
from fastfit.geometry import Plan

__all__ = ["write_page"]


def write_page(summary: Summary, path: str | os.PathLike[str]) -> None:
    """Write a summary as a page of HTML, with pictures of failures and extremes in it.

    Pictures are made in processes of their own: a file that crashes or occupies a decoder costs its picture.

    Parameters
    ----------
    summary : Summary
    path : path
        Replaced if it exists.

    Raises
    ------
    OSError
        The page cannot be written. A picture that cannot be made has the reason in its place.
    """
    pictures = pictures_of(summary)
    shown = sorted(summary.failures, key=lambda each: pictures[each.source].data is None)
    parts = (
        _head(summary),
        _table("By error", "#images,,error,>for example", _reasons(summary)),
        _table("Sizes", "#size,#images,cropped,padded", _sizes(summary)),
        _table("Slowest", "#time,,>source", _slowest(summary)),
        _figures("Failed or damaged", shown, pictures),
        _figures("Most cropped", summary.cropped, pictures, "{:.1%} cropped"),
        _figures("Most padded", summary.padded, pictures, "{:.1%} padded"),
        _figures("Most enlarged", summary.most_enlarged, pictures, "{:.3g} times larger"),
        _foot(summary),
    )
    write_atomically(Path(path), "".join(parts).encode())


_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1c2024;--quiet:#5f6770;--line:#dfe3e8;--soft:#f3f5f7;
--good:#1f8a4c;--bad:#c9312b;--idle:#757d86;--mark:#2b6cc4}
@media(prefers-color-scheme:dark){:root{--ground:#15181b;--text:#e4e7ea;--quiet:#9aa3ac;--line:#30363c;
--soft:#1e2226;--good:#46b873;--bad:#f0736c;--idle:#89929b;--mark:#6aa5ef}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:72rem;background:var(--ground);color:var(--text);
font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.25rem;margin:0 0 1rem}
h2{font-size:1.05rem;margin:2.25rem 0 .75rem}
.quiet,.none,th,details{color:var(--quiet)}
.fitted{color:var(--good)}.failed{color:var(--bad)}.skipped{color:var(--idle)}
.counts{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;margin:0;padding:0;list-style:none}
.counts b{display:block;font-size:1.7rem;line-height:1.2}
.whole{display:flex;height:.5rem;margin:1rem 0 .75rem;border-radius:.25rem;overflow:hidden;background:var(--soft)}
.whole i{background:currentColor}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;font-size:.85rem}
th,td{padding:.35rem 1rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:normal}
.number{white-space:nowrap;text-align:right}
.wide{width:99%;padding-right:0;overflow-wrap:anywhere}
.bar{width:42%;white-space:nowrap}
.bar i{display:inline-block;width:calc(100% - 4rem);height:.5rem;margin-right:.5rem;border-radius:.25rem;
background:linear-gradient(var(--mark),var(--mark)) no-repeat left/var(--share) var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,11rem),1fr));gap:1rem}
.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;overflow:hidden;min-width:0}
.stage{display:flex;align-items:center;justify-content:center;gap:.6rem;height:11rem;background:var(--soft)}
.shot{position:relative;overflow:hidden;min-width:0}
.shot img{display:block;max-width:100%;max-height:160px}
.shot i{position:absolute;outline:1px solid #fff;box-shadow:0 0 0 2px #000,0 0 0 400px rgba(0,0,0,.6)}
.none{padding:.5rem;font-size:.8rem;text-align:center}
.stage:not(:has(img)){height:auto}
figcaption{padding:.5rem .6rem .6rem;font-size:.82rem;line-height:1.35}
details{margin-top:2.5rem}
pre{white-space:pre-wrap;font-size:.8rem}
@media(max-width:40rem){tr:has(th.wide){display:none}tr:has(.wide){display:flex;flex-wrap:wrap}
tr:has(.wide) td{border:0}tr .wide{flex:0 0 100%;padding-top:0}tr:has(.wide){border-bottom:1px solid var(--line)}
.bar i{display:block;width:100%}.bar{padding-right:.5rem}}
"""
_HEAD = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>"""


def _text(text: str | None) -> str:
    """Return text for HTML, whatever it holds."""
    return html.escape(printable(text or ""))


def _head(summary: Summary) -> str:
    name, total = _text(os.path.basename(summary.path)), summary.total
    counts = [(status, summary.counts[status]) for status in ("fitted", "failed", "skipped")]
    shown = "".join(f'<li class="{status}"><b>{count:,}</b>{status}</li>' for status, count in counts)
    parts = "".join(f'<i class="{status}" style="flex:{count}"></i>' for status, count in counts if count)
    told = (
        f"{amount(summary.bytes_in)} in, {amount(summary.bytes_out)} out; {total.cropped:.1%} cropped and"
        f" {total.padded:.1%} padded on average; {summary.enlarged:,} enlarged;"
        f" median {summary.median_ms:.3g} ms"
    )
    return (
        f'{_HEAD}<title>{name}</title></head><body><h1>{name}</h1><ul class="counts">{shown}</ul>'
        f'<div class="whole">{parts}</div>{f"""<div class="quiet">{told}</div>""" if total.count else ""}'
    )


def _foot(summary: Summary) -> str:
    settings = "\n".join(map(_text, json.dumps(summary.run, indent=1).splitlines()))
    return f"<details><summary>Settings</summary><pre>{settings}</pre></details></body></html>\n"


def _table(title: str, names: str, rows: Iterable[str]) -> str:
    """Return a table under its title; in the names of columns a # is before numbers, and a > before long text."""
    kinds = {"#": ' class="number"', ">": ' class="wide"'}
    heads = "".join(f"<th{kinds.get(name[:1], '')}>{name.lstrip('#>')}</th>" for name in names.split(","))
    found = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<h2>{title}</h2><table><tr>{heads}</tr>{found}</table>" if found else ""


def _status(status: str) -> str:
    return f'<td class="{_text(status)}">{_text(status)}</td>'


def _reasons(summary: Summary) -> Iterator[str]:
    for each in summary.reasons:
        example = _text(each.example.message or each.example.source)
        yield (
            f'<td class="number">{each.count:,}</td>{_status(each.status)}<td>{_text(each.code)}</td>'
            f'<td class="wide">{example}</td>'
        )


def _sizes(summary: Summary) -> Iterator[str]:
    for name, tally in summary.main_sizes():
        bars = (
            f'<td class="bar"><i style="--share:{share:.1%}"></i>{share:.1%}</td>'
            for share in (tally.cropped, tally.padded)
        )
        yield f'<td class="number">{name}</td><td class="number">{tally.count:,}</td>{"".join(bars)}'


def _slowest(summary: Summary) -> Iterator[str]:
    for each in summary.slowest:
        yield (
            f'<td class="number">{each.value:,.0f} ms</td>{_status(each.status)}'
            f'<td class="wide">{_text(each.source)}</td>'
        )


def _figures(title: str, examples: Iterable[Example], pictures: Mapping[str, Picture], value: str = "") -> str:
    """Return examples as figures: of failures the source; where there is a `value` to tell, the result, too."""
    found = "".join(_extreme(each, pictures, value) if value else _failure(each, pictures) for each in examples)
    kind = "figures pairs" if value else "figures"
    return f'<h2>{title}</h2><div class="{kind}">{found}</div>' if found else ""


def _failure(example: Example, pictures: Mapping[str, Picture]) -> str:
    picture = pictures[example.source]
    reason = f'<span class="quiet">{_text(example.reason)}</span>'
    facts = (f'<b class="failed">{_text(example.code)}</b>', _text(example.source), reason)
    return _figure(_shot(picture, example), facts, changed=_changed(picture, example))


def _extreme(example: Example, pictures: Mapping[str, Picture], value: str) -> str:
    picture, planned = pictures[example.source], example.planned
    changed = _changed(picture, example)
    box = _overlay(planned) if planned and not changed else ""
    shots = _shot(picture, example, box) + _shot(pictures[example.output or ""], example)
    sizes = f'<span class="quiet">{planned.src} to {planned.dst}</span>' if planned else ""
    return _figure(shots, (f"<b>{value.format(example.value)}</b>", _text(example.source), sizes), changed=changed)


def _changed(picture: Picture, example: Example) -> bool:
    return min(picture.mtime_ns, example.mtime_ns) >= 0 and picture.mtime_ns != example.mtime_ns


def _figure(shots: str, facts: Iterable[str], *, changed: bool) -> str:
    caption = "<br>".join((*facts, "changed since the run") if changed else facts)
    return f'<figure><div class="stage">{shots}</div><figcaption>{caption}</figcaption></figure>'


def _shot(picture: Picture, example: Example, overlay: str = "") -> str:
    if picture.data is None:
        known = example.reason and picture.trouble.startswith(example.reason)
        return f'<div class="none">no picture{"" if known else f": {_text(picture.trouble)}"}</div>'
    data = b64encode(picture.data).decode()
    return (
        f'<div class="shot"><img alt="{_text(example.source)}" src="data:image/jpeg;base64,{data}">{overlay}</div>'
    )


def _overlay(planned: Plan) -> str:
    """Return the rectangle of the source that is shown, if that is not all of it."""
    if planned.cropped == 0:
        return ""
    crop, across, down = planned.crop, 100 / planned.src.width, 100 / planned.src.height
    return (
        f'<i style="left:{crop.left * across:.3f}%;top:{crop.top * down:.3f}%;'
        f'width:{crop.width * across:.3f}%;height:{crop.height * down:.3f}%"></i>'
    )
