/// The style of the page: light and dark, narrow and wide, on paper; nothing depends on colour.
enum PageStyle {
  static let rules: StaticString = """
    :root{color-scheme:light dark;--back:#fff;--text:#1b1f23;--muted:#57606a;--line:#d0d7de;--accent:#0f766e;\
    --raised:#f5f7f8;--bad:#a01c1c}
    @media (prefers-color-scheme:dark){:root{--back:#14171a;--text:#e4e7ea;--muted:#9aa4ae;--line:#3a424a;\
    --accent:#5eccc0;--raised:#1d2226;--bad:#ffa3a3}}
    *{box-sizing:border-box}
    body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--back);color:var(--text);\
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
    h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}
    h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
    h3{font-size:1rem;margin:1rem 0 .25rem}
    p,ul,ol{margin:.4rem 0}
    ul,ol{padding-left:1.4rem}
    li{margin:.3rem 0}
    .muted,figcaption,caption{color:var(--muted)}
    .wide{overflow-x:auto;max-width:100%}
    table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
    th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
    th:first-child,td:first-child{text-align:left}
    thead th{font-weight:600;color:var(--muted)}
    tbody th{font-weight:600}
    .choice :is(th,td):nth-child(2){text-align:left;font-weight:600}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}
    figure{margin:0}
    figcaption{font-size:.9rem}
    svg{width:100%;max-width:40rem;height:auto;display:block}
    svg text{fill:var(--text);font:13px system-ui,"Noto Sans","DejaVu Sans",sans-serif}
    svg .axis{stroke:var(--muted);fill:none}
    svg .grid{stroke:var(--line);fill:none}
    svg .front{stroke:var(--accent);fill:none;stroke-width:1.5;stroke-dasharray:5 3}
    svg .best{fill:var(--accent);stroke:var(--accent)}
    svg .beaten{fill:var(--back);stroke:var(--text);stroke-width:1.5}
    svg .error{stroke:var(--text);stroke-width:1.2;fill:none}
    svg.heat{max-width:none}
    svg .cell{fill:var(--accent);stroke:var(--line)}
    svg .dot{fill:var(--text)}
    svg .light{fill:var(--back)}
    details{margin:.5rem 0}
    summary{cursor:pointer}
    svg .curve{stroke:var(--accent);fill:none;stroke-width:2}
    .flip{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;margin:.6rem 0;break-inside:avoid}
    .sides{display:grid;grid-template-columns:1fr 1fr;gap:.8rem}
    .sides>div,.question{min-width:0}
    pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--raised);padding:.5rem;margin:.25rem 0;\
    border-radius:.35rem;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",monospace}
    dl{margin:.4rem 0}
    dt{font-weight:600;margin-top:.5rem}
    dd{margin:0;overflow-wrap:anywhere}
    @media (max-width:40rem){.sides{grid-template-columns:1fr}h1{font-size:1.25rem}th,td{padding:.3rem .4rem}}
    @media print{body{max-width:none;padding:0;font-size:11pt}.wide{overflow:visible}h2{break-after:avoid}\
    figure,tr{break-inside:avoid}}
    """
}
