-- SPDX-License-Identifier: Apache-2.0
-- The page's style, served as a file: light and dark as the reader's system is, one column on a narrow screen.

return [[
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1c2430; --faint: #5b6675; --line: #dfe3ea; --rim: #858d99;
  --link: #1f5fbf; --press: #eef2f8; --shade: #0002;
  --done: #16744a; --live: #1f5fbf; --bad: #b92d26; --warn: #8f5100; --idle: #5b6576; --stop: #7448b0; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #10141b; --card: #181e28; --ink: #e4e8ee; --faint: #98a4b7; --line: #2c3645; --rim: #66728a;
  --link: #7fb0ff; --press: #222b39; --shade: #0008;
  --done: #4cc38a; --live: #6aa8ff; --bad: #ff7b72; --warn: #f0b04a; --idle: #93a0b4; --stop: #bd9bf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
main, header, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
a { color: var(--link); }
.skip { position: absolute; left: -1000px; } .skip:focus { left: 8px; top: 8px; padding: 4px 10px;
  background: var(--card); }
:focus-visible { outline: 2px solid var(--live); outline-offset: 2px; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding-top: 16px; }
.brand { font-weight: 700; font-size: 18px; color: inherit; text-decoration: none; }
.project { color: var(--faint); }
.clock { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; margin-left: auto; }
.clock time { color: var(--faint); font-variant-numeric: tabular-nums; margin-right: 4px; }
header nav { display: flex; flex-wrap: wrap; gap: 2px 18px; margin-top: 8px; border-bottom: 1px solid var(--line); }
header nav a { color: var(--faint); text-decoration: none; padding: 5px 0; border-bottom: 2px solid transparent; }
header nav a:hover { color: var(--ink); }
header nav a[aria-current] { color: var(--ink); border-color: var(--link); font-weight: 600; }
h1 { font-size: 22px; line-height: 1.3; margin: 20px 0 12px; }
h2 { font-size: 16px; margin: 26px 0 8px; }
p { margin: 8px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.empty { padding: 14px 16px; color: var(--faint); }
.deeds { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin: 12px 0; }
.notice { margin-top: 16px; padding: 10px 14px; border: 1px solid var(--tone); border-left-width: 5px;
  border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--faint); white-space: nowrap; }
th, td { padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: top; }
thead th, thead td { border-top: 0; } td.wide { width: 42%; } .number { text-align: right; }
td.time, td.number, td.word { white-space: nowrap; font-variant-numeric: tabular-nums; }
tr:target { background: var(--press); }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: 6px 0 0; white-space: pre-wrap; } code.id { color: var(--faint); font-size: 12px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 10px 24px; margin: 0;
  padding: 14px 16px; }
.facts dt { color: var(--faint); font-size: 13px; } .facts dd { margin: 0; }
.facts > div:has(details[open]), .facts > div:has(.reason) { grid-column: 1 / -1; }
summary { cursor: pointer; color: var(--link); width: max-content; }
.folds { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 16px; font-size: 14px; }
.folds details[open] { flex-basis: 100%; }
.data { padding: 10px 16px; margin: 0; } .data pre { margin: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr)); gap: 14px;
  margin-bottom: 12px; }
.reason { color: var(--faint); font-size: 14px; }
.status { display: inline-block; white-space: nowrap; font-size: 13px; font-weight: 600; color: var(--tone); }
.status::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 5px; margin-right: 7px;
  background: var(--tone); }
progress { appearance: none; width: 90px; height: 7px; border: 0; border-radius: 4px; overflow: hidden;
  margin-right: 8px; background: var(--line); vertical-align: middle; }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--tone); }
progress::-moz-progress-bar { background: var(--tone); }
.done { --tone: var(--done); } .live { --tone: var(--live); } .bad { --tone: var(--bad); }
.warn { --tone: var(--warn); } .idle { --tone: var(--idle); } .stop { --tone: var(--stop); }
.live.status::before, .live .dot { animation: pulse 1.6s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .35; } }
@media (prefers-reduced-motion: reduce) { .live.status::before, .live .dot { animation: none; } }
.pager { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 10px 2px; color: var(--faint); }
footer { padding-top: 18px; padding-bottom: 32px; color: var(--faint); }
.lost { display: none; color: var(--bad); } .out-of-reach .lost { display: inline; }

form.single { display: inline; margin: 0; }
button, .button { font: inherit; font-size: 14px; line-height: 1.3; padding: 4px 11px; border: 1px solid var(--rim);
  border-radius: 7px; background: var(--card); color: var(--ink); cursor: pointer; text-decoration: none;
  white-space: nowrap; }
button:hover, .button:hover { background: var(--press); }
.clock button { font-size: 13px; padding: 3px 8px; }
button.bad { color: var(--bad); border-color: var(--bad); }
button.main, .button.main { background: var(--link); border-color: var(--link); color: var(--card); font-weight: 600; }
button.main { padding: 7px 16px; margin-top: 4px; }
button.main:hover, .button.main:hover { filter: brightness(1.08); }
.fields { padding: 14px 16px 16px; max-width: 760px; }
.field { margin-bottom: 14px; }
.field label { display: block; font-weight: 600; font-size: 14px; margin-bottom: 4px; }
input, textarea, select { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--rim);
  border-radius: 7px; padding: 6px 9px; width: 100%; }
textarea { font: 13px/1.45 ui-monospace, monospace; resize: vertical; }
::placeholder { color: var(--faint); opacity: 1; font-style: italic; }
[aria-invalid] { border-color: var(--bad); }
.hint { color: var(--faint); font-size: 13px; margin: 4px 0 0; }
.problem { color: var(--bad); font-size: 14px; margin: 4px 0 0; }
.filter { display: flex; flex-wrap: wrap; align-items: end; gap: 10px; margin-bottom: 12px; }
.filter .field { margin: 0; flex: 1 1 150px; min-width: 0; } .filter button { padding: 7px 14px; }
.filter .field label { font-size: 13px; color: var(--faint); }
.filter input, .filter select { height: 37px; }

.graph { padding: 16px; background: linear-gradient(to right, var(--card) 30%, transparent) left / 60px 100% local,
    linear-gradient(to left, var(--card) 30%, transparent) right / 60px 100% local,
    linear-gradient(to right, var(--shade), transparent) left / 12px 100% scroll,
    linear-gradient(to left, var(--shade), transparent) right / 12px 100% scroll, var(--card);
  background-repeat: no-repeat; }
.fit { display: inline-block; vertical-align: top; } .fit svg { display: block; }
.fit .drawn { max-width: 100%; height: auto; }
svg .edge { fill: none; stroke: var(--rim); stroke-width: 1.5; }
svg .box { fill: var(--card); stroke: var(--tone); stroke-width: 1.6; }
svg .idle .box { stroke-dasharray: 5 4; } svg .tint { fill: var(--tone); fill-opacity: .09; }
svg a:hover .tint { fill-opacity: .13; } svg a:hover .box { stroke-width: 2.4; }
svg a:focus-visible { outline-offset: 1px; }
svg .dot { fill: var(--tone); } svg text { fill: var(--ink); font: 600 14px system-ui, sans-serif; }
svg .sub { fill: var(--faint); font-size: 12px; font-weight: 400; } svg .word { fill: var(--tone); font-size: 12px; }
svg .took { text-anchor: end; }

.timeline { padding: 10px 16px; }
.lane { display: grid; grid-template-columns: minmax(90px, 26%) 1fr 84px; gap: 0 12px; align-items: center;
  padding: 2px 0; }
.lane svg { display: block; overflow: visible; }
.lane .label { font-size: 14px; line-height: 1.3; text-decoration: none; color: inherit; }
.lane .label:hover { text-decoration: underline; }
.lane .took { text-align: right; color: var(--faint); font-size: 13px; font-variant-numeric: tabular-nums; }
.lane rect { fill: var(--tone); } .lane .past { fill-opacity: .75; }
.lane line { stroke: var(--line); } .lane svg text { fill: var(--faint); font: 400 12px system-ui, sans-serif; }

/* A row is a card: what it is about stands first and needs no name; what is short shares its lines. */
@media (max-width: 720px) {
  main, header, footer { padding-left: 12px; padding-right: 12px; }
  .clock { margin-left: 0; flex: 1 1 100%; gap: 4px; } .clock time { margin-right: auto; font-size: 14px; }
  .facts { display: block; padding: 8px 12px; }
  .facts > div { display: grid; grid-template-columns: 104px minmax(0, 1fr); gap: 2px 10px; padding: 3px 0; }
  h1 { font-size: 19px; }
  thead { position: absolute; left: -9999px; }
  tbody tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; padding: 9px 12px;
    border-top: 1px solid var(--line); }
  tbody tr:first-child { border-top: 0; }
  td, td.wide { display: flex; flex: 1 1 100%; align-items: baseline; gap: 6px; width: auto; padding: 0; border: 0;
    font-size: 14px; }
  td.number, td.time, td.word { flex: 0 1 auto; }
  td > div { min-width: 0; }
  td::before { content: attr(data-label); color: var(--faint); font-size: 13px; white-space: nowrap; }
  td:first-child:not(.number, .time), td:first-child:has(.status) + td:not(.number, .time) { font-size: 15px; }
  td:first-child:not(.number, .time)::before, td:first-child:has(.status) + td:not(.number, .time)::before,
    td[data-label=""]::before { content: none; }
  td:has(> div:empty) { display: none; }
  .folds .id { flex-basis: 100%; }
  .lane { grid-template-columns: 1fr auto; } .lane svg { grid-column: 1 / -1; grid-row: 2; }
  .graph, .timeline { padding: 10px; }
}
]]
