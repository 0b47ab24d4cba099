"""A report that a browser shows without a network."""

import html
import re
from datetime import date
from pathlib import Path

from ..atomic_files import write_atomically
from ._figures import ensemble_figures
from ._jump_figures import jump_figures
from ._tables import report_tables
from ._verdict import summary_sentences

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto;
  max-width: 1240px; padding: 16px; }
h1 { font-size: 1.5rem; margin: 0.3em 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 1.6em 0 0.4em; }
.summary { font-size: 1.15rem; border-left: 5px solid #0072B2; background: #eef5fa;
  padding: 12px 16px; margin: 12px 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr));
  gap: 12px; }
figure { margin: 0; border: 1px solid #ddd; border-radius: 6px; padding: 6px; }
figure svg { display: block; width: 100%; height: auto; max-width: 460px; margin: 0 auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #e3e3e3;
  vertical-align: top; }
td.outside { color: #a33c00; font-weight: 600; }
td.within { color: #00684c; }
.note, footer { color: #555; font-size: 0.88rem; max-width: 75ch; }
"""


def write_report(analysis, path, title="Hybrid trajectory", figures=None):
    """Write one HTML file that needs nothing else, and each figure as SVG beside it.

    Parameters
    ----------
    analysis : TrajectoryAnalysis
    path : path-like
        Of the HTML file.
    title : str
    figures : path-like, optional
        Folder of the SVG files. Default: the name of the HTML file with "-figures".

    Returns
    -------
    list of Path
        Files written, the HTML file first.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    path = Path(path)
    folder = path.with_name(f"{path.stem}-figures") if figures is None else Path(figures)
    groups = ensemble_figures(analysis) | jump_figures(analysis)
    sentences = summary_sentences(analysis)
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts.append(f'<p class="summary">{html.escape(sentences[0])}</p>')
    parts += [f"<p>{html.escape(sentence)}</p>" for sentence in sentences[1:]]
    folder.mkdir(parents=True, exist_ok=True)
    written = [path]
    for heading, panels in groups.items():
        parts.append(f'<h2>{html.escape(heading)}</h2><div class="figures">')
        for name, svg in panels:
            file = folder / f"{_file_name(f'{heading} {name}')}.svg"
            write_atomically(file, svg.encode())
            written.append(file)
            parts.append(_figure(name, svg))
        parts.append("</div>")
    parts += [_table(table) for table in report_tables(analysis)]
    parts.append(f"<footer><p>openmm-stegmn analyze, {date.today().isoformat()}</p></footer>")
    write_atomically(path, _page(title, parts).encode())
    return written


def _page(title, parts):
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _figure(name, svg):
    # An SVG inside of HTML has no head of its own, and takes its size from the page.
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = html.escape(name, quote=True)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    # Links of names to vocabularies are no part of the picture.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return f"<figure>{svg}</figure>"


def _table(table):
    rows = []
    if any(table.head):
        rows.append("<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head))
    for row in table.rows:
        rows.append("<tr>" + "".join(_cell(cell) for cell in row))
    note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
    return (
        f"<h2>{html.escape(table.title)}</h2>"
        f'<div class="table"><table>{"".join(rows)}</table></div>{note}'
    )


def _cell(text):
    kind = {"outside noise": "outside", "within noise": "within"}.get(text)
    return f"<td{f' class={kind!r}' if kind else ''}>{html.escape(text)}</td>"


def _file_name(text):
    return re.sub(r"[^\w]+", "-", text.replace("φ", "phi").replace("ψ", "psi")).strip("-").lower()
