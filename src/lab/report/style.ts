/**
 * The report's looks, for light and dark, wide and narrow. Colours of targets: Okabe and Ito's, which
 * colour-blind readers can tell apart too.
 */
export const STYLE = `
:root{--bg:#fbfbfa;--panel:#fff;--ink:#1d1f23;--soft:#62666d;--line:#e3e4e6;--heat:#2f7ed8;--bad:#c0392b;--warn:#8a5a00;--warnbg:#fff6e0;
--t0:#0072b2;--t1:#d55e00;--t2:#009e73;--t3:#b0609a;--t4:#8a7400}
@media (prefers-color-scheme:dark){:root{--bg:#15171a;--panel:#1d2024;--ink:#e8e9eb;--soft:#9ba0a8;--line:#33373d;--heat:#3b82d6;--bad:#ff7b6b;--warn:#ffcf70;--warnbg:#322a17;
--t0:#56b4e9;--t1:#ff9d4d;--t2:#3fcf9f;--t3:#e39acb;--t4:#e6d34a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:clamp(20px,3vw,27px);line-height:1.3;margin:4px 0 20px;font-weight:650;text-wrap:pretty}
h2{font-size:19px;margin:0 0 4px}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin-top:20px}
section>p{color:var(--soft);margin:0 0 14px}
.eyebrow{margin:0;color:var(--soft);font-size:13px;letter-spacing:.06em;text-transform:uppercase}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:10px 24px;margin:0}
dt{color:var(--soft);font-size:13px}dd{margin:0;overflow-wrap:anywhere}
.cautions{margin:20px 0 0;padding:12px 16px 12px 34px;background:var(--warnbg);color:var(--warn);border-radius:8px}
.scroll,.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:8px 10px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}th{font-weight:600}
.maps{display:grid;gap:22px}.heat{width:100%;min-width:300px}.heat caption{text-align:left;font-weight:650;padding-bottom:6px}
.heat th,.heat td{border:2px solid var(--panel)}.heat th[scope=row]{white-space:nowrap;width:1%}
.cell{background-color:color-mix(in oklab,var(--heat) calc(var(--share)*.55 + 4%),var(--panel));border-radius:6px;min-width:96px}
.untrusted{background-image:repeating-linear-gradient(135deg,transparent 0 7px,color-mix(in oklab,var(--ink) 7%,transparent) 7px 9px)}
.cell small,.cell .failed{display:block}.cell small{opacity:.8;font-size:12.5px}.absent{color:var(--soft)}
.failed{color:var(--bad);font-weight:600;fill:var(--bad)}.cell .failed{color:color-mix(in oklab,var(--bad) 75%,var(--ink))}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:18px}
figure{margin:0;max-width:540px}figcaption{font-weight:600;font-size:14px}svg{width:100%;height:auto;display:block;max-width:820px}
svg text{font:13px system-ui,"DejaVu Sans",sans-serif;fill:var(--ink)}svg .unit,svg .tick{fill:var(--soft)}svg .failed{fill:var(--bad)}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.band{fill:var(--soft);opacity:.16}.pressure{fill:var(--soft)}
.bar{stroke:currentColor;stroke-width:2.5;stroke-linecap:round}.mark{fill:currentColor}.dot{fill:currentColor;opacity:.5}
.line{fill:none;stroke:currentColor;stroke-width:1.5;opacity:.55}
.t0{color:var(--t0)}.t1{color:var(--t1)}.t2{color:var(--t2)}.t3{color:var(--t3)}.t4{color:var(--t4)}
.v-faster{color:var(--t2)}.v-slower{color:var(--t1)}.v-equivalent,.v-no{color:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:0 0 10px;padding:0}
.legend i{display:inline-block;width:11px;height:11px;border-radius:50%;background:currentColor;margin-right:7px}.legend li{color:var(--ink)}
details{margin-top:12px}summary{cursor:pointer}details p{margin:8px 0}
pre{overflow-x:auto;background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:12px;font-size:12.5px;line-height:1.45;max-height:360px}
@media (max-width:640px){main{padding:20px 12px 48px}section{padding:16px 14px}.wide svg{min-width:540px}}
`
