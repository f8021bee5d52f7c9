"""The style of the report's page: its colours for light and dark, and how it stands on a narrow screen and on paper."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2430;--soft:#5b6675;--rule:#dfe4ea;--card:#f6f8fa;
--a:#2563eb;--b:#b45309;--c:#0f766e;--d:#7c3aed;--good:#1a7f37;--warn:#b58900;--bad:#c62828;--none:#e3e7ec}
@media (prefers-color-scheme:dark){:root{--paper:#12161c;--ink:#e6eaf0;--soft:#9aa6b5;--rule:#2a323d;--card:#1a2029;
--a:#6ea8fe;--b:#f0a860;--c:#4fd1c5;--d:#b794f6;--good:#4cc06a;--warn:#e3b341;--bad:#ff7b72;--none:#2a323d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px;border-bottom:1px solid var(--rule)}
h3{font-size:15px;margin:20px 0 6px}
p{margin:6px 0}.nothing,footer,small{color:var(--soft)}footer{margin-top:40px;font-size:13px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(105px,1fr));gap:8px;margin:16px 0}
.facts div{background:var(--card);border-radius:8px;padding:10px 12px}
dt{color:var(--soft);font-size:13px}dd{margin:0;font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}
figure{margin:12px 0}svg{display:block;width:100%;height:auto}
figcaption{font-size:13px;color:var(--soft)}
.legend{display:inline-flex;flex-wrap:wrap;gap:4px 14px;list-style:none;margin:0 0 0 12px;padding:0}
.key{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:8px 20px}
.label{font-size:11px;fill:var(--soft)}.end{text-anchor:end}.middle{text-anchor:middle}
.rule{stroke:var(--rule)}.line{fill:none;stroke-width:2}
.line.a{stroke:var(--a)}.line.b{stroke:var(--b)}.line.c{stroke:var(--c)}.line.d{stroke:var(--d)}
.dot.a,.bar.a{fill:var(--a)}.dot.b,.bar.b{fill:var(--b)}.dot.c,.bar.c{fill:var(--c)}.dot.d,.bar.d{fill:var(--d)}
.bar.good,.cell.good{fill:var(--good)}.bar.warn,.cell.warn{fill:var(--warn)}.bar.bad,.cell.bad{fill:var(--bad)}
.cell.none{fill:var(--none)}
.key.a{background:var(--a)}.key.b{background:var(--b)}.key.c{background:var(--c)}.key.d{background:var(--d)}
.key.good{background:var(--good)}.key.warn{background:var(--warn)}.key.bad{background:var(--bad)}
.key.none{background:var(--none)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px;margin:8px 0}
th{text-align:left;font-weight:600;color:var(--soft);white-space:nowrap}
th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}
td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}td.number{white-space:nowrap}
td.good{color:var(--good)}td.bad{color:var(--bad);font-weight:600}
details{margin:8px 0}summary{cursor:pointer;color:var(--soft);font-size:13px}
.runs{list-style:none;padding:0}
.runs li{border-left:3px solid var(--rule);padding:2px 0 2px 12px;margin:10px 0;overflow-wrap:anywhere}
.runs .good{border-color:var(--good)}.runs .warn{border-color:var(--warn)}.runs .bad{border-color:var(--bad)}
@media print{main{max-width:none;padding:0}section{break-inside:avoid}}
@media (max-width:480px){.plots{grid-template-columns:1fr}}
""".strip()
