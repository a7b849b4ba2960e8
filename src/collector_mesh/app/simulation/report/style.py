"""How a report looks: its style sheet, and legends that use it."""

from collections.abc import Mapping
from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#1b2530;--soft:#566472;--paper:#fff;--line:#dde3e9;
--good:#3f87bd;--pale:#a5cbe6;--doubt:#e69f00;--bad:#b3261e;--fault:#8d62b5;--alarm:#fdecea}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ee;--soft:#9fadba;--paper:#14191f;
--line:#2f3943;--good:#5aa2d8;--pale:#38627f;--doubt:#f0b429;--bad:#ff6f61;--fault:#b48fdb;--alarm:#3a1d1c}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1104px;padding:24px 32px 64px;
color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
h1{font-size:1.45em;line-height:1.25;margin:0 0 .4em}h2{font-size:1.15em;margin:2.4em 0 .2em}
p{margin:.3em 0 .6em;max-width:80ch}nav{margin:1.2em 0;color:var(--soft)}
nav a{margin-right:1.2em;color:var(--good)}.none,.note{color:var(--soft)}
.badge{display:inline-block;padding:0 .6em;border-radius:.3em;color:var(--paper);background:var(--good);font-weight:600}
.badge.bad{background:var(--bad)}
pre,code,td,.name{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{font-size:13px;white-space:pre-wrap;margin:.6em 0;padding:.8em 1em;border-radius:.3em}
pre.failure{background:var(--alarm);border-left:4px solid var(--bad);max-height:24em;overflow:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1.4em;margin:1em 0}dt{color:var(--soft)}dd{margin:0}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2em 1.4em;margin:.4em 0 .6em;padding:0;font-size:13px}
.legend svg{width:18px;height:12px;margin-right:.4em;vertical-align:-1px}
.chart{overflow-x:auto;margin:.4em 0}.chart svg{display:block;width:100%;min-width:760px;height:auto}
text{font-size:11.5px;fill:var(--soft)}text.name{font-size:10.5px;fill:var(--ink);paint-order:stroke;
stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}text.mark{fill:var(--bad);font-weight:600}
.crisp{shape-rendering:crispEdges}.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.mark{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3}
text.mark{stroke:none}.percentile{stroke:var(--ink);stroke-dasharray:2 3}
.shade{fill:var(--fault)}.shade1{fill-opacity:.14}.shade2{fill-opacity:.26}.shade3{fill-opacity:.38}
.fault{fill:var(--fault)}.chaos{fill:var(--fault);fill-opacity:.35}.moment{fill:var(--fault);stroke:var(--paper)}
.ok,.live,.up{fill:var(--good)}.draining{fill:var(--pale)}.refused,.suspect,.hampered{fill:var(--doubt)}
.failed,.reconnecting{fill:var(--bad)}.open{fill:var(--paper);stroke:var(--bad);stroke-width:1.2}
.dead{fill:var(--soft)}.down{fill:var(--ink);fill-opacity:.22}
.gone{fill:var(--paper);stroke:var(--bad);stroke-width:2}.cross{fill:none;stroke:var(--bad);stroke-width:1.5}
.linked,.doubtful,.lost{fill:none;stroke:var(--good)}
.doubtful{stroke:var(--doubt);stroke-width:1.6;stroke-dasharray:7 3}
.lost{stroke:var(--bad);stroke-dasharray:2 4}
.dots{fill:none;stroke-linecap:round;stroke-width:4.5;stroke-opacity:.75}.dots.ok{stroke:var(--good)}
.dots.refused{stroke:var(--doubt)}.dots.failed{stroke:var(--bad);stroke-width:6}
table{border-collapse:collapse;width:100%;font-size:12.5px;line-height:1.4}
th{text-align:left;color:var(--soft);font-weight:600}th,td{padding:.15em 1em .15em 0;vertical-align:top;
border-bottom:1px solid var(--line)}td:first-child,th:first-child{text-align:right}
th,td:not(:last-child){white-space:nowrap}td:last-child{width:100%}tr.fault td{color:var(--fault);font-weight:600}
tr.bad td{color:var(--bad);font-weight:600}
"""
"""Colors differ in lightness and shapes in size, for who sees few hues; light or dark is up to the reader's system."""


def legend(entries: Mapping[str, str], picture: str) -> str:
    """What colors in a picture stand for, by classes; those that it has."""
    shapes = {
        "moment": '<path class="moment" d="M9 1l5 5l-5 5l-5 -5z"/>',
        "up": '<circle class="up" cx="9" cy="6" r="5"/>',
        "hampered": '<circle class="hampered" cx="9" cy="6" r="5"/>',
        "gone": '<circle class="gone" cx="9" cy="6" r="5"/><path class="cross" d="M6 3l6 6m0 -6l-6 6"/>',
        **{kind: f'<path class="{kind}" d="M0 6H18"/>' for kind in ("linked", "doubtful", "lost")},
        "dead": '<rect class="dead" y="5" width="18" height="2"/>',
        "reconnecting": '<rect class="reconnecting" y="3.5" width="18" height="5"/>',
    }
    rest = '<rect class="{}" x="1" y="1" width="16" height="10"/>'
    items = (
        f'<li><svg viewBox="0 0 18 12">{shapes.get(kind, rest.format(kind))}</svg>{escape(name)}</li>'
        for kind, name in entries.items()
        if f'class="{kind.split()[0]}' in picture
    )
    return f'<ul class="legend">{"".join(items)}</ul>'
