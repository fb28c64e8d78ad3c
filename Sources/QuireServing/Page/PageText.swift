// swift-format-ignore-file
// Made by tools/make-page from the files in Page/Source; change those and run it again.

/// The chat page and the values of its headers.
enum PageText {
  /// For `style-src`: the hash of the text between the style tags.
  static let styleHash = "sha256-AsPyelJs9aJxuB3+LNj4iU0Pc4OhPp2yKRkArpMkik0="
  /// For `script-src`: the hash of the text between the script tags.
  static let scriptHash = "sha256-oaDVFwKD5wHHNkkB6BMbhtzxmD1s1r8AI1CTF6ImhC4="
  /// The entity tag; each version of the page has another.
  static let entityTag = "\"64cc33e1fc534abe\""

  static let html = #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>Quire</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E
%3Crect width='16' height='16' rx='4' fill='%230f766e'/%3E%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='white'
 stroke-width='1.6' stroke-linecap='round'/%3E%3C/svg%3E">
<style>
:root {
  color-scheme: light dark;
  --back: #ffffff;
  --raised: #f4f5f6;
  --text: #1b1f23;
  --muted: #5a636d;
  --line: #d8dce0;
  --edge: #8b949e;
  --accent: #0f766e;
  --on-accent: #ffffff;
  --user: #e3f1ef;
  --code: #f1f3f4;
  --bad: #a01c1c;
  --bad-back: #fdecec;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --back: #14171a;
    --raised: #1e2327;
    --text: #e4e7ea;
    --muted: #9aa4ae;
    --line: #333a41;
    --edge: #6b757f;
    --accent: #5eccc0;
    --on-accent: #06201d;
    --user: #1c3b38;
    --code: #20262b;
    --bad: #ffa3a3;
    --bad-back: #3a1c1e;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body {
  display: flex; flex-direction: column; height: 100dvh;
  background: var(--back); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
h1, h2, h3, h4, h5, h6, p { margin: 0; }
button, input, textarea, summary { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

/* Header */
header {
  display: flex; align-items: center; gap: .5rem; padding: .5rem max(1rem, calc(50vw - 25rem));
  border-bottom: 1px solid var(--line);
}
.title { flex: 1; min-width: 0; }
header h1, .title p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
header h1 { font-size: 1rem; font-weight: 650; line-height: 1.3; }
.title p { font-size: .8rem; color: var(--muted); line-height: 1.3; min-height: 1.05rem; }

/* Controls */
button {
  border: 1px solid var(--line); border-radius: .5rem; background: var(--back); padding: .35rem .75rem;
  min-height: 2.5rem; cursor: pointer; white-space: nowrap;
}
button:hover { background: var(--raised); }
button:disabled { opacity: .5; cursor: default; }
button.primary { background: var(--accent); color: var(--on-accent); border-color: var(--accent); font-weight: 600; }
button.primary:hover { filter: brightness(1.08); }
button.link {
  border: 0; background: none; padding: 0 .2rem; min-height: 1.6rem; color: var(--accent);
  text-decoration: underline;
}
button.small { min-height: 2rem; padding: .1rem .6rem; font-size: .85rem; color: var(--muted); }
button.small:hover { color: var(--text); }
input, textarea {
  border: 1px solid var(--edge); border-radius: .5rem; background: var(--back); padding: .4rem .6rem;
  min-width: 0; width: 100%;
}
::placeholder { color: var(--muted); opacity: 1; }

/* Conversation */
main { flex: 1; min-height: 0; overflow-y: auto; padding: 1rem; scrollbar-gutter: stable both-edges; }
main > * { max-width: 50rem; margin: 0 auto; }
.empty { min-height: 100%; display: flex; flex-direction: column; justify-content: center; text-align: center; }
.empty p { color: var(--muted); max-width: 30rem; margin: .25rem auto; }
.empty .greeting { font-size: 1.4rem; color: var(--text); }
.message { margin-bottom: 1.5rem; overflow-wrap: anywhere; }
.user { display: flex; flex-direction: column; align-items: flex-end; }
.user .text {
  background: var(--user); border-radius: 1rem 1rem .25rem 1rem; padding: .5rem .9rem; max-width: 85%;
  white-space: pre-wrap;
}
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem; margin-top: .5rem; }
.user .actions { margin-top: .25rem; }
.stats { font-size: .8rem; color: var(--muted); margin-left: .25rem; font-variant-numeric: tabular-nums; }
.error { background: var(--bad-back); color: var(--bad); border-radius: .5rem; padding: .5rem .75rem; margin-top: .5rem; }
.waiting::after {
  content: ""; display: inline-block; width: .6rem; height: .6rem; border-radius: 50%;
  background: var(--accent); animation: pulse 1.2s ease-in-out infinite;
}
@keyframes pulse { 50% { opacity: .25; } }

/* Reasoning */
.thought { border-inline-start: 3px solid var(--line); padding-inline-start: .75rem; margin-bottom: .75rem; color: var(--muted); }
.thought summary { cursor: pointer; font-size: .9rem; padding: .2rem 0; font-variant-numeric: tabular-nums; }
.thought .text { white-space: pre-wrap; font-size: .92rem; padding: .25rem 0 .4rem; }

/* Markdown */
.markdown > * + *, .markdown li > * + *, .markdown blockquote > * + * { margin-top: .75rem; }
.markdown h1 { font-size: 1.35rem; } .markdown h2 { font-size: 1.2rem; } .markdown h3 { font-size: 1.08rem; }
.markdown h4, .markdown h5, .markdown h6 { font-size: 1rem; }
.markdown :is(h1, h2, h3, h4, h5, h6) { line-height: 1.3; }
.markdown :is(ul, ol) { margin-bottom: 0; padding-inline-start: 1.6rem; }
.markdown li + li { margin-top: .25rem; }
.markdown li > :is(ul, ol) { margin-top: .25rem; }
.markdown blockquote { margin-left: 0; margin-right: 0; border-left: 3px solid var(--line); padding-left: .9rem; color: var(--muted); }
.markdown hr { border: 0; border-top: 1px solid var(--line); }
.markdown a { color: var(--accent); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .88em; }
code { unicode-bidi: isolate; background: var(--code); border-radius: .3rem; padding: .1em .3em; }
pre { margin: 0; padding: .75rem .9rem; overflow-x: auto; line-height: 1.5; }
pre code { background: none; padding: 0; font-size: inherit; }
.code { direction: ltr; border: 1px solid var(--line); border-radius: .5rem; background: var(--code); overflow: hidden; }
.code-head {
  display: flex; justify-content: space-between; align-items: center; padding: .1rem .25rem .1rem .9rem;
  border-bottom: 1px solid var(--line); font-size: .8rem; color: var(--muted);
}
.code-head button { border: 0; background: none; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: start; vertical-align: top; }
th { font-weight: 600; }
.right { text-align: right; } .center { text-align: center; }
#model-body summary { cursor: pointer; padding: .25rem 0; }
[class*="heat-"] { padding-left: .75rem; }
.heat-1 { background: color-mix(in srgb, var(--accent) 8%, transparent); }
.heat-2 { background: color-mix(in srgb, var(--accent) 16%, transparent); }
.heat-3 { background: color-mix(in srgb, var(--accent) 26%, transparent); }
.heat-4 { background: color-mix(in srgb, var(--accent) 38%, transparent); }
.heat-5 { background: color-mix(in srgb, var(--accent) 52%, transparent); }

/* Composer */
footer {
  border-top: 1px solid var(--line); background: var(--back);
  padding: .6rem max(1rem, calc(50vw - 25rem)) max(.5rem, env(safe-area-inset-bottom));
}
#composer { display: flex; gap: .5rem; align-items: flex-end; }
#prompt { resize: none; max-height: 35dvh; min-height: 2.75rem; padding: .55rem .75rem; overflow-y: auto; }
#composer button { min-height: 2.75rem; min-width: 4.75rem; }
.options { display: flex; flex-wrap: wrap; align-items: center; gap: .1rem 1.1rem; margin-top: .35rem; font-size: .9rem; }
.options .inline { display: flex; align-items: center; gap: .4rem; }
#budget { width: 6.2rem; padding: .15rem .4rem; }
.switch { display: flex; align-items: center; gap: .5rem; cursor: pointer; min-height: 2.25rem; position: relative; }
.switch input { position: absolute; inset: 0; opacity: 0; cursor: pointer; }
.switch span { width: 2.2rem; height: 1.25rem; border-radius: 1rem; background: var(--edge); position: relative; flex: none; }
.switch span::after {
  content: ""; position: absolute; top: .15rem; left: .15rem; width: .95rem; height: .95rem; border-radius: 50%;
  background: #fff; transition: transform .15s;
}
.switch input:checked + span { background: var(--accent); }
.switch input:checked + span::after { transform: translateX(.95rem); }
.switch input:focus-visible + span { outline: 2px solid var(--accent); outline-offset: 2px; }
#status { margin-left: auto; color: var(--muted); font-size: .8rem; font-variant-numeric: tabular-nums; }
#settings summary { cursor: pointer; padding: .35rem 0; }
#settings[open] { flex-basis: 100%; }
.panel {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem 1rem; padding: .4rem .25rem .5rem;
  max-height: 42dvh; overflow-y: auto;
}
.panel .wide { grid-column: 1 / -1; }
.panel label { font-size: .85rem; color: var(--muted); }
.panel :is(input, textarea) { color: var(--text); font-size: 1rem; }
.panel textarea { resize: vertical; }
.hint { font-size: .85rem; color: var(--muted); }
.notice { background: var(--raised); border-radius: .5rem; padding: .5rem .75rem; margin-bottom: .5rem; font-size: .9rem; }
.notice .line { display: flex; gap: .5rem; margin-top: .35rem; }
#notice { background: var(--bad-back); color: var(--bad); overflow-wrap: anywhere; }

/* Model */
dialog {
  border: 1px solid var(--line); border-radius: .75rem; background: var(--back); color: var(--text);
  width: min(76rem, calc(100vw - 2rem)); max-height: calc(100dvh - 2rem); padding: 0; overflow: hidden;
}
dialog[open] { display: flex; flex-direction: column; }
#model-body { overflow-y: auto; padding: 0 1.25rem 1.25rem; }
dialog::backdrop { background: rgb(0 0 0 / .5); }
.dialog-head {
  display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: .75rem 1.25rem;
}
.dialog-head h2 { font-size: 1.15rem; overflow-wrap: anywhere; }
dialog h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
dialog p + p { margin-top: .4rem; }
dialog pre { background: var(--code); border-radius: .5rem; margin-top: .4rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
#model-body th, #model-body td { white-space: nowrap; padding-right: 1.25rem; }
#model-body tr > :first-child { position: sticky; left: 0; background: var(--back); }

@media (max-width: 30rem) {
  header, main, footer { padding-left: .75rem; padding-right: .75rem; }
  header button { padding: .35rem .55rem; font-size: .9rem; }
  dialog { width: 100vw; max-width: 100vw; height: 100dvh; max-height: 100dvh; border: 0; border-radius: 0; }
  .dialog-head, #model-body { padding-left: .75rem; padding-right: .75rem; }
  dl { grid-template-columns: 7.5rem 1fr; gap: .25rem .75rem; font-size: .92rem; }
  .options { font-size: .85rem; column-gap: .7rem; }
  #budget { width: 4.6rem; }
  .stats { margin-left: 0; }
  /* For screen readers only: the conversation shows the same. */
  #status { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
}
@media (forced-colors: active) {
  /* These parts are drawn as backgrounds, which the browser would remove. */
  .switch span, .switch span::after, .waiting::after { forced-color-adjust: none; }
  .switch span { background: Canvas; outline: 1px solid CanvasText; }
  .switch span::after, .waiting::after { background: CanvasText; }
  .switch input:checked + span { background: Highlight; }
  .switch input:checked + span::after { background: HighlightText; }
  .switch input:focus-visible + span { outline: 3px solid Highlight; }
  .user .text, .error, .notice { border: 1px solid CanvasText; }
}
@media print {
  html, body { height: auto; }
  body { display: block; }
  main { overflow: visible; padding: 1rem 0; }
  footer, header button, .actions, .code-head button, .empty, .waiting { display: none; }
  .user .text, pre, tr { break-inside: avoid; }
  .user .text { border: 1px solid var(--line); }
  pre { white-space: pre-wrap; }
  .table, .code { overflow: visible; }
  body:has(dialog[open]) :is(header, main) { display: none; }
  dialog { position: absolute; width: auto; max-width: none; max-height: none; border: 0; overflow: visible; }
  #model-body { overflow: visible; }
  .dialog-head button { display: none; }
}
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
</style>
</head>
<body>
<header>
  <div class="title">
    <h1 id="model-name">Quire</h1>
    <p id="model-line"></p>
  </div>
  <button type="button" id="show-model" aria-haspopup="dialog" title="The model and its evaluation">Model</button>
  <button type="button" id="new-chat">New chat</button>
</header>

<main id="log" aria-label="Conversation">
  <div id="empty" class="empty">
    <p class="greeting">Ask the model something.</p>
    <p>The conversation stays in this browser tab. Enter sends, Shift+Enter begins a new line, Esc stops the
    answer.</p>
  </div>
  <div id="messages"></div>
</main>

<footer>
  <form id="key-form" class="notice" hidden>
    <label for="key">The server asks for an API key. It is kept for this browser tab only.</label>
    <div class="line">
      <input id="key" type="password" autocomplete="off" spellcheck="false" required>
      <button type="submit" class="primary">Use key</button>
    </div>
  </form>
  <p id="notice" class="notice" role="alert" hidden></p>
  <p id="editing" class="notice" hidden>
    You are editing your last message; the answer to it will be replaced.
    <button type="button" id="cancel-edit" class="link">Cancel</button>
  </p>
  <form id="composer">
    <textarea id="prompt" rows="1" dir="auto" aria-label="Message" placeholder="Message" autocomplete="off"
      enterkeyhint="send"></textarea>
    <button type="submit" id="send" class="primary">Send</button>
    <button type="button" id="stop" class="primary" hidden>Stop</button>
  </form>
  <div class="options">
    <label class="switch"><input type="checkbox" id="thinking" role="switch" checked>
      <span aria-hidden="true"></span>Thinking</label>
    <label id="budget-label" class="inline" hidden>Budget
      <input id="budget" type="number" min="0" step="1" inputmode="numeric" placeholder="no limit"></label>
    <details id="settings">
      <summary>Settings</summary>
      <div class="panel">
        <label class="wide">System prompt
          <textarea id="system" rows="3" dir="auto" placeholder="none"></textarea></label>
        <label>Temperature <input data-field="temperature" type="number" min="0" max="2" step="any"></label>
        <label>Top-p <input data-field="top_p" type="number" min="0" max="1" step="any"></label>
        <label>Top-k <input data-field="top_k" type="number" min="-1" step="1"></label>
        <label>Min-p <input data-field="min_p" type="number" min="0" max="1" step="any"></label>
        <label>Presence penalty
          <input data-field="presence_penalty" type="number" min="-2" max="2" step="any" placeholder="0"></label>
        <label>Repetition penalty
          <input data-field="repetition_penalty" type="number" min="0.01" max="10" step="any"></label>
        <label>Maximum tokens
          <input data-field="max_tokens" type="number" min="1" step="1" placeholder="context"></label>
        <label>Seed <input data-field="seed" type="number" min="-9007199254740991" max="9007199254740991" step="1"
          placeholder="random"></label>
        <p class="wide hint">An empty field means the model's default, shown in gray.
          <button type="button" id="reset-settings" class="link">Clear all fields</button></p>
      </div>
    </details>
    <p id="status" role="status"></p>
  </div>
</footer>

<dialog id="model-dialog" aria-labelledby="model-title">
  <div class="dialog-head">
    <h2 id="model-title">Model</h2>
    <button type="button" id="close-model">Close</button>
  </div>
  <div id="model-body"></div>
</dialog>
<noscript><p class="notice">This page needs JavaScript; the API under /v1 works without it.</p></noscript>
<script>
(() => {
"use strict";

// Small helpers for the document. Received text becomes text nodes only; nothing here parses markup.

const byId = (id) => document.getElementById(id);

/// A new element. `properties` are set as properties (`className`, `hidden`, `onclick`), those with a dash or a
/// name that only attributes have as attributes. Children are nodes or text.
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "scope") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/// Copies text; the button's label then says whether this succeeded.
async function copyText(text, button) {
  // Pressed again within the time, the button has another text than its label.
  button.dataset.label ??= button.textContent;
  const done = await writeClipboard(text);
  button.textContent = done ? "Copied" : "Copying failed";
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
}

async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers disable the clipboard API for plain-HTTP pages of other machines; copying a selection still works.
    const focused = document.activeElement;
    const area = element("textarea", { value: text, readOnly: true });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

/// Storage of this tab until it is closed. If the browser forbids it or its limit is reached, a value lasts only until
/// the page is left.
const tabStore = {
  unstored: new Map(),
  read(name) {
    if (this.unstored.has(name)) return this.unstored.get(name);
    try { return JSON.parse(sessionStorage.getItem("quire." + name)); } catch { return null; }
  },
  /// Returns whether the value was stored.
  write(name, value) {
    try {
      sessionStorage.setItem("quire." + name, JSON.stringify(value));
      this.unstored.delete(name);
      return true;
    } catch {
      this.unstored.set(name, value);
      return false;
    }
  },
};

/// 1.2 s, 34 s, 2 min 5 s.
function durationText(seconds) {
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  const whole = Math.round(seconds);
  return whole < 60 ? whole + " s" : Math.floor(whole / 60) + " min " + whole % 60 + " s";
}

/// 950 B, 2.36 MB, as the command line writes sizes (`ByteText`).
const byteText = (bytes) => bytes < 1000 ? bytes + " B" : scaledText(bytes / 1000, ["kB", "MB", "GB", "TB"]);

/// 596 M, 14.8 B parameters.
const parameterText = (count) => scaledText(count / 1e6, ["M", "B"]) + " parameters";

/// A value with three digits in the unit that keeps it below 1000 after rounding.
function scaledText(value, units) {
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + " " + units[unit];
}

const countText = (count, noun) => count.toLocaleString("en") + " " + noun + (count === 1 ? "" : "s");

// Markdown, first half: text becomes blocks. A block is {kind, source, …}; `source` is compared to find out whether it has changed
// since it was drawn. Follows CommonMark for what models write: headings, lists, quotes, fences, rules, tables.

const blockDepthMax = 8;
// These patterns take linear time: no two parts that follow each other match the same character.
const fenceStart = /^ {0,3}(`{3,}|~{3,}(?!~))([^`]*)$/;
const headingLine = /^ {0,3}(#{1,6})(?!\S)/;
const headingEnd = /(?:^|\s)#+$/;
const ruleLine = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const quoteLine = /^ {0,3}> ?/;
const itemLine = /^( {0,3})([-*+]|\d{1,9}[.)])( {0,3}\t| {1,4}|$)(.*)$/;
const codeLine = /^(?: {4}| {0,3}\t)/;
const tableRuleCell = /^:?-+:?$/;

/// The blocks of a text.
function parseBlocks(text, depth = 0) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length;) {
    if (lines[at].trim() === "") { at += 1; continue; }
    const [block, end] = readBlock(lines, at, depth);
    block.source = lines.slice(at, end).join("\n");
    blocks.push(block);
    at = end;
  }
  return blocks;
}

/// The columns that a text takes; a tab ends at a multiple of four.
function columnCount(text) {
  let count = 0;
  for (const character of text) count += character === "\t" ? 4 - count % 4 : 1;
  return count;
}

const indentation = (line) => columnCount(/^[ \t]*/.exec(line)[0]);

/// A line without up to `count` columns of its indentation. The rest of a tab becomes spaces.
function withoutIndentation(line, count) {
  let column = 0;
  let at = 0;
  while (column < count && (line[at] === " " || line[at] === "\t")) {
    column += line[at] === "\t" ? 4 - column % 4 : 1;
    at += 1;
  }
  return " ".repeat(Math.max(0, column - count)) + line.slice(at);
}

/// The block that begins in line `at`, and the line after it.
function readBlock(lines, at, depth) {
  const line = lines[at];
  if (codeLine.test(line)) return readIndentedCode(lines, at);
  const heading = headingLine.exec(line);
  if (heading) {
    const text = line.slice(heading[0].length).trim().replace(headingEnd, "").trim();
    return [{ kind: "heading", level: heading[1].length, text }, at + 1];
  }
  if (ruleLine.test(line)) return [{ kind: "rule" }, at + 1];
  const fence = fenceStart.exec(line);
  if (fence) return readFence(lines, at, fence);
  if (depth < blockDepthMax) {
    if (quoteLine.test(line)) return readQuote(lines, at, depth);
    if (itemLine.test(line)) return readList(lines, at, depth);
  }
  if (isTable(lines, at)) return readTable(lines, at);
  return readParagraph(lines, at, depth);
}

/// A fence without an end extends to the end of the text, as during an answer.
function readFence(lines, at, fence) {
  const margin = indentation(lines[at]);
  const close = new RegExp("^ {0,3}" + fence[1][0] + "{" + fence[1].length + ",}\\s*$");
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const code = lines.slice(at + 1, end).map((line) => withoutIndentation(line, margin));
  const language = fence[2].trim().split(/\s+/)[0];
  return [{ kind: "code", language, text: code.join("\n") }, Math.min(end + 1, lines.length)];
}

/// Lines indented by four columns or more, with the blank lines between them.
function readIndentedCode(lines, at) {
  let end = at + 1;
  for (let next = end; next < lines.length && (codeLine.test(lines[next]) || lines[next].trim() === ""); next += 1) {
    if (lines[next].trim() !== "") end = next + 1;
  }
  const code = lines.slice(at, end).map((line) => withoutIndentation(line, 4));
  return [{ kind: "code", language: "", text: code.join("\n") }, end];
}

function readQuote(lines, at, depth) {
  let end = at;
  while (end < lines.length && quoteLine.test(lines[end])) end += 1;
  const text = lines.slice(at, end).map((line) => line.replace(quoteLine, "")).join("\n");
  return [{ kind: "quote", blocks: parseBlocks(text, depth + 1) }, end];
}

/// Items with the same kind of marker. Lines indented as far as an item's text belong to the item.
function readList(lines, at, depth) {
  const first = itemLine.exec(lines[at]);
  const isOrdered = /\d/.test(first[2][0]);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = itemLine.exec(lines[end]);
    if (!item || ruleLine.test(lines[end]) || item[2].slice(-1) !== first[2].slice(-1)) break;
    const width = columnCount(item[1] + item[2] + (item[3] || " "));
    const content = [item[4]];
    end += 1;
    for (; end < lines.length; end += 1) {
      const line = lines[end];
      const isIndented = indentation(line) >= Math.min(width, item[1].length + 2);
      if (line.trim() === "") {
        content.push("");
      } else if (isIndented) {
        content.push(withoutIndentation(line, width));
      } else if (content[content.length - 1] !== "" && !beginsBlock(lines, end, depth)) {
        content.push(line);
      } else {
        break;
      }
    }
    items.push(parseBlocks(content.join("\n"), depth + 1));
  }
  return [{ kind: "list", isOrdered, start: isOrdered ? parseInt(first[2], 10) : 1, items }, end];
}

function cells(line) {
  const text = line.trim().replace(/^\|/, "").replace(/(^|[^\\])\|$/, "$1");
  return text.split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || at + 1 >= lines.length) return false;
  if (codeLine.test(lines[at]) || codeLine.test(lines[at + 1])) return false;
  const rule = cells(lines[at + 1]);
  return rule.every((cell) => tableRuleCell.test(cell)) && cells(lines[at]).length === rule.length;
}

function readTable(lines, at) {
  const head = cells(lines[at]);
  const aligns = cells(lines[at + 1]).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "");
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim() !== "") end += 1;
  const rows = lines.slice(at + 2, end).map((line) => {
    const row = cells(line);
    return head.map((_, column) => row[column] || "");
  });
  return [{ kind: "table", head, aligns, rows }, end];
}

/// Whether a line ends the paragraph before it.
function beginsBlock(lines, at, depth) {
  const line = lines[at];
  return headingLine.test(line) || ruleLine.test(line) || fenceStart.test(line)
    || (depth < blockDepthMax && (quoteLine.test(line) || itemLine.test(line))) || isTable(lines, at);
}

function readParagraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !beginsBlock(lines, end, depth)) end += 1;
  return [{ kind: "paragraph", text: lines.slice(at, end).map((line) => line.trimStart()).join("\n") }, end];
}

// Markdown inside a block: code, emphasis, links, line breaks. Takes linear time for every text: if the end of a
// marker was not found once, it is not searched again.

const inlineDepthMax = 8;
const plainRun = /[^\\`*_~[!<h\n]+/y;
// After the spaces no other space can begin the address; otherwise a failed search would take quadratic time.
const linkForm = /!?\[((?:[^\[\]\\]|\\.)*)\]\(\s*(?!\s)<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/y;
const angleLink = /<(https?:\/\/[^\s<>]+)>/y;
const bareLink = /https?:\/\/[^\s<>"'`\]]*[^\s<>"'`\].,;:!?)*_]/y;

/// The DOM nodes of a text. The label of a link contains no other links.
function inlineNodes(text, depth = 0, isInLink = false) {
  const reader = { text, depth, isInLink, absent: new Set() };
  const nodes = [];
  let plain = "";
  for (let at = 0; at < text.length;) {
    const run = matchAt(plainRun, text, at);
    if (run) { plain += run[0]; at += run[0].length; continue; }
    const found = readInline(reader, at);
    if (typeof found.node === "string") plain += found.node;
    else {
      if (plain) nodes.push(plain);
      plain = "";
      nodes.push(found.node);
    }
    at = found.end;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/// Reads the element at a character that may be a marker: {node, end}.
function readInline(reader, at) {
  const { text } = reader;
  const character = text[at];
  const literal = { node: character, end: at + 1 };
  if (reader.isInLink && /[[!<h]/.test(character)) return literal;
  switch (character) {
    case "\\": {
      const next = text[at + 1];
      if (next === "\n") return { node: element("br"), end: at + 2 };
      return next && /[!-/:-@[-`{-~]/.test(next) ? { node: next, end: at + 2 } : literal;
    }
    case "\n": return { node: element("br"), end: at + 1 };
    case "`": return readCode(reader, at);
    case "*": case "_": case "~": return readEmphasis(reader, at);
    case "[": case "!": {
      const link = matchAt(linkForm, text, at);
      if (!link) return literal;
      return { node: linkNode(link[2], link[1], reader.depth) ?? link[0], end: at + link[0].length };
    }
    case "<": case "h": {
      const link = matchAt(character === "<" ? angleLink : bareLink, text, at);
      if (!link || /\w/.test(text[at - 1] ?? "")) return literal;
      const address = link[1] ?? link[0];
      return { node: linkNode(address, null, reader.depth) ?? link[0], end: at + link[0].length };
    }
    default: return literal;
  }
}

/// A link to a web page; null for every other address, which stays plain text.
function linkNode(address, label, depth) {
  let url;
  try { url = new URL(address); } catch { return null; }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const children = label ? inlineNodes(label, depth + 1, true) : [address];
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

function runLength(text, at) {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function readCode(reader, at) {
  const { text, absent } = reader;
  const length = runLength(text, at);
  const mark = text.slice(at, at + length);
  const begin = at + length;
  if (!absent.has(mark)) {
    for (let end = text.indexOf(mark, begin); end >= 0; end = text.indexOf(mark, end)) {
      const found = runLength(text, end);
      if (found === length) {
        let code = text.slice(begin, end).replace(/\n/g, " ");
        if (code.startsWith(" ") && code.endsWith(" ") && code.trim() !== "") code = code.slice(1, -1);
        return { node: element("code", {}, code), end: end + length };
      }
      end += found;
    }
    absent.add(mark);
  }
  return { node: mark, end: begin };
}

/// *emphasis*, **strong**, ~~deleted~~. Underscores inside words are part of them.
function readEmphasis(reader, at) {
  const { text, depth, isInLink } = reader;
  const character = text[at];
  const length = runLength(text, at);
  const mark = character.repeat(Math.min(length, 2));
  const literal = { node: text.slice(at, at + length), end: at + length };
  const begin = at + mark.length;
  const isInWord = character === "_" && /\w/.test(text[at - 1] ?? "");
  if (length > 3 || mark === "~" || depth >= inlineDepthMax || isInWord || !/\S/.test(text[begin] ?? " ")) {
    return literal;
  }
  const end = closingMark(reader, begin, mark);
  if (end < 0) return literal;
  const tag = mark === "~~" ? "del" : mark.length === 2 ? "strong" : "em";
  return {
    node: element(tag, {}, ...inlineNodes(text.slice(begin, end), depth + 1, isInLink)),
    end: end + mark.length,
  };
}

/// The index of the closing marker at or after `begin`; -1 if there is none.
function closingMark({ text, absent }, begin, mark) {
  if (absent.has(mark)) return -1;
  let end = text.indexOf(mark, begin + 1);
  while (end >= 0) {
    const run = runLength(text, end);
    const isLengthRight = mark.length === 1 ? run === 1 || run === 3 : run === 2 || run === 3;
    const isEnd = /\S/.test(text[end - 1]) && !(mark[0] === "_" && /\w/.test(text[end + run] ?? ""));
    // Of three marker characters, the first ones close the inner element.
    if (isLengthRight && isEnd) return end + run - mark.length;
    end = text.indexOf(mark, end + run);
  }
  absent.add(mark);
  return -1;
}

// Markdown, second half: blocks become nodes, and a growing text is drawn again only where it changed. Each block of text
// has the direction of its first letter.

/// Draws a growing text. Unchanged blocks keep their nodes, so that a selection in them stays.
class MarkdownView {
  constructor() {
    this.node = element("div", { className: "markdown" });
    this.sources = [];
  }

  update(text) {
    const blocks = parseBlocks(text);
    let same = 0;
    while (same < blocks.length && this.sources[same] === blocks[same].source) same += 1;
    while (this.node.childNodes.length > same) this.node.lastChild.remove();
    for (const block of blocks.slice(same)) this.node.append(blockNode(block));
    this.sources = blocks.map((block) => block.source);
  }
}

function blockNode(block) {
  switch (block.kind) {
    case "heading": return element("h" + block.level, { dir: "auto" }, ...inlineNodes(block.text));
    case "rule": return element("hr");
    case "code": return codeNode(block);
    case "quote": return element("blockquote", {}, ...block.blocks.map(blockNode));
    case "list": return listNode(block);
    case "table": return tableNode(block);
    default: return element("p", { dir: "auto" }, ...inlineNodes(block.text));
  }
}

function codeNode({ language, text }) {
  const copy = element("button", { type: "button", className: "small" }, "Copy");
  copy.onclick = () => copyText(text, copy);
  const head = element("div", { className: "code-head" }, element("span", {}, language || "text"), copy);
  const code = element("pre", { tabIndex: 0 }, element("code", {}, text));
  return element("div", { className: "code" }, head, code);
}

function listNode({ isOrdered, start, items }) {
  const list = element(isOrdered ? "ol" : "ul", { dir: "auto" });
  if (isOrdered && start !== 1) list.start = start;
  for (const blocks of items) {
    // The only paragraph of an item needs no margin.
    const nodes = blocks.flatMap((block, index) =>
      block.kind === "paragraph" && index === 0 ? inlineNodes(block.text) : [blockNode(block)]);
    list.append(element("li", {}, ...nodes));
  }
  return list;
}

function tableNode({ head, aligns, rows }) {
  const row = (tag, texts) => element("tr", {}, ...texts.map((text, column) =>
    element(tag, { className: aligns[column] || "", dir: "auto" }, ...inlineNodes(text))));
  return scrollingTable(element("thead", {}, row("th", head)),
    element("tbody", {}, ...rows.map((texts) => row("td", texts))));
}

/// A table that scrolls horizontally if it is wider than the page.
function scrollingTable(...parts) {
  return element("div", { className: "table", tabIndex: 0, role: "region", "aria-label": "Table" },
    element("table", {}, ...parts));
}

// Requests to the server, and streams of server-sent events.

/// A failed request, with one sentence for the user. The server's sentences begin with a small letter.
class ServerError extends Error {
  /// - Parameter code: the kind of error, as in the server's answer; undefined where it has none.
  constructor(message, status, code) {
    super(message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?]$/.test(message) ? "" : "."));
    this.status = status;
    this.code = code;
  }

  /// Whether the server refuses the contents of the request, so that the same request would be refused again.
  get isRefusal() { return [400, 413, 422].includes(this.status); }
}

/// Splits text that arrives in parts of any size into server-sent events.
class EventParser {
  constructor() {
    this.rest = "";
    this.data = [];
  }

  /// The data of all events that end in this part.
  push(piece) {
    this.rest += piece;
    const events = [];
    // A carriage return at the end may be the first half of a line end.
    const lineEnd = /\r\n|\n|\r(?!$)/g;
    let begin = 0;
    for (let match = lineEnd.exec(this.rest); match; match = lineEnd.exec(this.rest)) {
      this.readLine(this.rest.slice(begin, match.index), events);
      begin = lineEnd.lastIndex;
    }
    this.rest = this.rest.slice(begin);
    return events;
  }

  readLine(line, events) {
    if (line === "") {
      if (this.data.length) events.push(this.data.join("\n"));
      this.data = [];
    } else if (line.startsWith("data:")) {
      this.data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
}

/// The headers of every request. The key is known only after the server has asked for one.
function requestHeaders() {
  const key = tabStore.read("key");
  return key ? { Authorization: "Bearer " + key } : {};
}

/// Sends a request; throws a `ServerError` for every status that is not a success.
async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, ...requestHeaders() } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Check that it is running, then try again.", 0);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const message = body?.error?.message;
  throw new ServerError(
    typeof message === "string" ? message : "The server answered with status " + response.status + ".",
    response.status, body?.error?.code);
}

/// The chunks of a streamed chat completion as they arrive.
async function* chatChunks(body, signal) {
  const response = await send("v1/chat/completions", {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true };
    });
    if (done) break;
    for (const data of parser.push(value)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ServerError(chunk.error.message, 200);
      yield chunk;
    }
  }
  throw new ServerError("The connection ended before the answer was complete. Try again.", 0);
}

// The settings below the message field: thinking, its budget, the system prompt and the sampling parameters.

const settingInputs = [...document.querySelectorAll("#settings [data-field]")];

const settings = {
  /// Restores the values of this tab and stores later changes.
  start() {
    const kept = tabStore.read("settings") ?? {};
    byId("thinking").checked = kept.thinking ?? true;
    byId("budget").value = kept.budget ?? "";
    byId("system").value = kept.system ?? "";
    for (const input of settingInputs) input.value = kept[input.dataset.field] ?? "";
    for (const input of [byId("thinking"), byId("budget"), byId("system"), ...settingInputs]) {
      input.addEventListener("input", () => this.changed());
    }
    byId("reset-settings").onclick = () => this.reset();
    this.changed();
  },

  changed() {
    const kept = {
      thinking: byId("thinking").checked, budget: byId("budget").value, system: byId("system").value,
    };
    for (const input of settingInputs) kept[input.dataset.field] = input.value;
    tabStore.write("settings", kept);
    byId("budget").disabled = !byId("thinking").checked;
    this.showDefaults();
  },

  reset() {
    for (const input of [byId("system"), byId("budget"), ...settingInputs]) input.value = "";
    this.changed();
  },

  /// Shows the model's defaults for the selected mode in empty fields.
  showDefaults() {
    const sampling = page.model?.sampling?.[byId("thinking").checked ? "thinking" : "non_thinking"] ?? {};
    for (const input of settingInputs) {
      const value = sampling[input.dataset.field];
      if (value !== undefined) input.placeholder = String(value);
    }
    byId("budget-label").hidden = !page.model?.features?.thinking_token_budget;
  },

  /// Whether every field is valid; shows the first invalid one.
  areValid() {
    const wrong = [byId("budget"), ...settingInputs].find((input) => !input.disabled && !input.validity.valid);
    if (!wrong) return true;
    if (wrong !== byId("budget")) byId("settings").open = true;
    wrong.reportValidity();
    return false;
  },

  /// The members of a request; empty fields are left out, so the server's defaults apply.
  requestFields() {
    const fields = { chat_template_kwargs: { enable_thinking: byId("thinking").checked } };
    for (const input of settingInputs) {
      if (input.value !== "") fields[input.dataset.field] = Number(input.value);
    }
    const budget = byId("budget");
    if (!byId("budget-label").hidden && !budget.disabled && budget.value !== "") {
      fields.thinking_token_budget = Number(budget.value);
    }
    return fields;
  },

  systemMessages() {
    const text = byId("system").value;
    return text.trim() ? [{ role: "system", content: text }] : [];
  },
};

// One answer: its timing and its view.

/// Counts an answer's tokens and seconds from the events of its stream.
class Meter {
  constructor() {
    this.begin = performance.now();
    this.stats = {};
  }

  seconds() { return (performance.now() - this.begin) / 1000; }

  /// - Parameter usage: the token counts so far; the server sends them with every event.
  add(usage, hasReasoning, hasContent) {
    const { stats } = this;
    const now = this.seconds();
    if (usage) {
      stats.tokens = usage.completion_tokens;
      stats.thoughtTokens = usage.completion_tokens_details?.reasoning_tokens ?? 0;
    }
    if (hasReasoning || hasContent) {
      if (stats.firstSeconds === undefined) {
        stats.firstSeconds = now;
        this.firstTokens = stats.tokens ?? 1;
      }
      this.lastSeconds = now;
    }
    if (hasReasoning) stats.thoughtSeconds = now - stats.firstSeconds;
    const spent = this.lastSeconds - stats.firstSeconds;
    const count = (stats.tokens ?? 0) - this.firstTokens;
    // Measured from the first token, so that the time of the prompt does not count. Events that arrive together give
    // no speed.
    if (count > 0 && spent > 0.02) stats.tokensPerSecond = count / spent;
  }
}

/// The view of an answer; `message` is its data in the conversation.
class AnswerView {
  constructor(message) {
    this.message = message;
    this.thoughtText = document.createTextNode("");
    this.thoughtSummary = element("summary");
    this.thought = element("details", { className: "thought", hidden: true }, this.thoughtSummary,
      element("div", { className: "text", dir: "auto" }, this.thoughtText));
    this.thoughtSummary.onclick = () => { this.isFoldChosen = true; };
    this.markdown = new MarkdownView();
    this.markdown.node.setAttribute("aria-live", "polite");
    this.wait = element("div", { className: "waiting", "aria-hidden": "true" });
    this.error = element("p", { className: "error", role: "alert", hidden: true });
    this.actions = element("div", { className: "actions", hidden: true });
    this.node = element("article", { className: "message answer", "aria-label": "Answer" }, this.thought,
      this.markdown.node, this.wait, this.error, this.actions);
    this.draw(false);
  }

  /// Draws the text received since the last call, at most once per frame.
  drawSoon(afterwards) {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw(true);
      afterwards();
    });
  }

  draw(isRunning) {
    if (!isRunning && this.frame) cancelAnimationFrame(this.frame);
    const { reasoning, content, error, isRefused } = this.message;
    const isThinking = isRunning && !content;
    if (reasoning && reasoning.length !== this.thoughtText.length) {
      this.thoughtText.appendData(reasoning.slice(this.thoughtText.length));
    }
    this.thought.hidden = !reasoning;
    this.thoughtSummary.textContent = this.thoughtTitle(isThinking);
    // Open during the reasoning, closed during the answer, unless the user has chosen.
    if (!this.isFoldChosen && (isRunning || content)) this.thought.open = isThinking;
    // Screen readers read the answer once, when it is complete.
    this.markdown.node.setAttribute("aria-busy", String(isRunning));
    this.markdown.update(content);
    this.wait.hidden = !isRunning || Boolean(content);
    if (isRunning) this.setActions([]);
    this.error.hidden = !error;
    this.error.textContent = (error ?? "") + (isRefused
      ? " Later messages are sent without this one; edit it or send another." : "");
  }

  thoughtTitle(isThinking) {
    const stats = this.message.stats ?? {};
    const parts = [];
    if (stats.thoughtTokens) parts.push(countText(stats.thoughtTokens, "token"));
    if (stats.thoughtSeconds !== undefined) parts.push(durationText(stats.thoughtSeconds));
    return (isThinking ? "Reasoning…" : "Reasoning") + (parts.length ? ": " + parts.join(", ") : "");
  }

  /// Shows buttons, a list of [label, action], and the answer's statistics.
  setActions(buttons) {
    const nodes = buttons.map(([label, action]) => actionButton(label, action));
    const text = this.statsText();
    if (text) nodes.push(element("span", { className: "stats" }, text));
    this.actions.replaceChildren(...nodes);
    this.actions.hidden = nodes.length === 0;
  }

  statsText() {
    const { stats, ending, content, error } = this.message;
    const parts = [];
    if (!content && !error && ending && ending !== "stopped" && ending !== "left") parts.push("empty answer");
    if (stats?.tokens) parts.push(countText(stats.tokens, "token"));
    if (stats?.tokensPerSecond) parts.push(rateText(stats.tokensPerSecond));
    if (stats?.firstSeconds !== undefined) parts.push("first after " + durationText(stats.firstSeconds));
    if (ending === "length") parts.push("cut at the token limit");
    if (ending === "stopped") parts.push("stopped");
    if (ending === "left") parts.push("not complete: the page was left");
    return parts.join(" · ");
  }
}

const rateText = (rate) => rate.toFixed(rate < 99.95 ? 1 : 0) + " tokens/s";

function actionButton(label, action) {
  const button = element("button", { type: "button", className: "small" }, label);
  button.onclick = () => action(button);
  return button;
}

/// The view of a message of the user: always plain text.
class UserView {
  constructor(message) {
    this.actions = element("div", { className: "actions", hidden: true });
    this.node = element("article", { className: "message user", "aria-label": "Your message" },
      element("div", { className: "text", dir: "auto" }, message.content), this.actions);
  }

  setActions(buttons) {
    this.actions.replaceChildren(...buttons.map(([label, action]) => actionButton(label, action)));
    this.actions.hidden = buttons.length === 0;
  }
}

// The conversation: its messages, the running answer, and the user's actions.

const conversation = {
  /// {role: "user", content} and {role: "assistant", content, reasoning, stats, ending, error, isRefused} alternately.
  /// The running answer also has `isRunning`.
  messages: [],
  views: [],
  /// Cancels the request of the running answer; null without one.
  abort: null,
  isEditing: false,
  /// What was in the message field before the user began to edit.
  draft: "",
  /// Whether the user knows that the conversation is not kept.
  hasSaidUnkept: false,

  start() {
    this.messages = keptMessages();
    this.redraw();
  },

  keep() {
    if (tabStore.write("messages", this.messages) || this.hasSaidUnkept) return;
    this.hasSaidUnkept = true;
    showNotice("The browser does not keep more of this conversation: what comes from here on is lost when the page is "
      + "reloaded. Copy what you need, or begin a new chat.");
  },

  redraw() {
    this.views = this.messages.map((message) =>
      message.role === "user" ? new UserView(message) : new AnswerView(message));
    byId("messages").replaceChildren(...this.views.map((view) => view.node));
    this.update();
  },

  append(message) {
    const view = message.role === "user" ? new UserView(message) : new AnswerView(message);
    this.messages.push(message);
    this.views.push(view);
    byId("messages").append(view.node);
    return view;
  },

  /// Drops the messages from `index` on.
  cut(index) {
    this.messages.length = index;
    for (const view of this.views.splice(index)) view.node.remove();
  },

  /// Updates buttons and notices for the current state.
  update() {
    const isRunning = this.abort !== null;
    byId("empty").hidden = this.messages.length > 0;
    byId("send").hidden = isRunning;
    byId("stop").hidden = !isRunning;
    byId("editing").hidden = !this.isEditing;
    const lastUser = this.messages.findLastIndex((message) => message.role === "user");
    this.views.forEach((view, index) => {
      const message = this.messages[index];
      const buttons = [];
      if (message.role === "user") {
        if (index === lastUser && !isRunning) buttons.push(["Edit", () => this.edit()]);
        // The page was reloaded while the answer was running.
        if (index === this.views.length - 1) buttons.push(["Retry", () => this.retry()]);
      } else if (!(isRunning && index === this.views.length - 1)) {
        if (message.content) buttons.push(["Copy", (button) => copyText(message.content, button)]);
        if (index === this.views.length - 1) buttons.push(["Retry", () => this.retry()]);
      }
      view.setActions(buttons);
    });
  },

  /// Sends the text of the message field.
  submit() {
    const text = byId("prompt").value;
    if (!text.trim() || this.abort || !settings.areValid()) return;
    if (this.isEditing) {
      this.cut(this.messages.findLastIndex((message) => message.role === "user"));
      this.endEdit();
    } else {
      setPrompt("");
    }
    this.append({ role: "user", content: text });
    this.keep();
    this.answer();
  },

  retry() {
    if (this.abort || !settings.areValid()) return;
    this.endEdit();
    this.cut(this.messages.findLastIndex((message) => message.role === "user") + 1);
    byId("prompt").focus();
    this.answer();
  },

  edit() {
    if (!this.isEditing) this.draft = byId("prompt").value;
    this.isEditing = true;
    setPrompt(this.messages.findLast((message) => message.role === "user").content);
    byId("prompt").focus();
    this.update();
  },

  cancelEdit() {
    this.endEdit();
    byId("prompt").focus();
    this.update();
  },

  /// Brings back what was in the message field before.
  endEdit() {
    if (!this.isEditing) return;
    this.isEditing = false;
    setPrompt(this.draft);
  },

  stop() { this.abort?.abort(); },

  clear() {
    this.stop();
    this.cut(0);
    this.endEdit();
    if (this.hasSaidUnkept) showNotice("");
    this.hasSaidUnkept = false;
    this.keep();
    this.update();
    say("");
    byId("prompt").focus();
  },

  requestBody() {
    // An answer that failed before its first token is left out, and a message that the server refused: it would refuse
    // every later one for it.
    const messages = this.messages
      .filter(({ content }, index) => content !== "" && !this.messages[index + 1]?.isRefused)
      .map(({ role, content }) => ({ role, content }));
    return {
      model: page.model?.id, messages: [...settings.systemMessages(), ...messages], stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true }, ...settings.requestFields(),
    };
  },

  /// Requests the answer to the last message and shows it as it arrives.
  async answer() {
    const message = { role: "assistant", content: "", reasoning: "", isRunning: true };
    const view = this.append(message);
    const abort = new AbortController();
    this.abort = abort;
    view.draw(true);
    this.update();
    scrollToEnd(true);
    say("Waiting for the model");
    // The server was not reachable when the page was loaded.
    if (!page.model) loadModel();
    try {
      await this.receiveFromServedModel(message, view, abort.signal);
    } catch (error) {
      if (error.name === "AbortError") message.ending = "stopped";
      else message.error = error instanceof ServerError ? error.message : "The answer cannot be read: " + error;
      if (error.isRefusal && !message.content) message.isRefused = true;
      if (error.status === 401) askForKey();
    }
    delete message.isRunning;
    // If the conversation was cleared in the meantime, it has another answer or none.
    if (this.abort !== abort) return;
    this.abort = null;
    if (!this.messages.includes(message)) return this.update();
    view.draw(false);
    this.keep();
    if (document.activeElement === byId("stop")) byId("prompt").focus();
    this.update();
    scrollToEnd();
    say(message.error ? "" : message.ending === "stopped" ? "Stopped" : "Answer complete");
  },

  /// If the server was restarted with another model, asks that one and says so.
  async receiveFromServedModel(message, view, signal) {
    const known = page.model?.id;
    try {
      await this.receive(message, view, signal);
    } catch (error) {
      if (error.code !== "model_not_found") throw error;
      await loadModel();
      if (page.model?.id === known || !page.model?.chat) throw error;
      showNotice("The server now serves " + page.model.id + " instead of " + known + "; it answers from here on.");
      await this.receive(message, view, signal);
    }
  },

  async receive(message, view, signal) {
    const meter = new Meter();
    message.stats = meter.stats;
    let secondsKept = 0;
    for await (const chunk of chatChunks(this.requestBody(), signal)) {
      const choice = chunk.choices?.[0];
      const { reasoning_content: reasoning, content, tool_calls: calls } = choice?.delta ?? {};
      meter.add(chunk.usage, Boolean(reasoning), Boolean(content || calls));
      if (reasoning) {
        if (!message.reasoning) say("Thinking");
        message.reasoning += reasoning;
      }
      if (content && !message.content) say("Answering");
      message.content += content ?? "";
      for (const call of calls ?? []) message.content += callText(call);
      if (choice?.finish_reason) message.ending = choice.finish_reason;
      view.drawSoon(() => scrollToEnd());
      // Browsers end without an event when they crash or the system ends them.
      if (meter.seconds() - secondsKept >= 1) {
        secondsKept = meter.seconds();
        this.keep();
      }
    }
  },
};

function setPrompt(text) {
  byId("prompt").value = text;
  fitPrompt();
}

/// The messages that the tab has kept. Contents that this page does not write are ignored.
function keptMessages() {
  const kept = tabStore.read("messages");
  if (!Array.isArray(kept) || !kept.every(isMessage)) return [];
  // An answer that was running when the page was left.
  for (const message of kept.filter(({ isRunning }) => isRunning)) {
    delete message.isRunning;
    message.ending = "left";
  }
  const last = kept.at(-1);
  return last?.ending === "left" && !last.content && !last.reasoning ? kept.slice(0, -1) : kept;
}

function isMessage(value) {
  const isText = (text) => text === undefined || typeof text === "string";
  return ["user", "assistant"].includes(value?.role) && typeof value.content === "string"
    && [value.reasoning, value.ending, value.error].every(isText)
    && Object.values(value.stats ?? {}).every(Number.isFinite);
}

/// A tool call as the model wrote it; this page offers no tools.
const callText = ({ function: { name, arguments: text } }) =>
  "\n\nThe model calls a tool:\n\n```json\n" + name + " " + text + "\n```\n";

// The model and its evaluation, as the server describes them.

const percent = (value) => typeof value === "number" ? (100 * value).toFixed(1) : null;
const fixed = (digits) => (value) => typeof value === "number" ? value.toFixed(digits) : null;
const significant = (value) => typeof value === "number" ? String(Number(value.toPrecision(3))) : null;

/// Value and standard error in the same format.
function withError(value, error, format) {
  const text = format(value);
  return text && typeof error === "number" ? text + " ± " + format(error) : text;
}

const accuracy = (mode) => (row) => {
  const score = row.tasks?.all?.[mode];
  return score ? withError(score.accuracy, score.standardError, percent) : null;
};

/// Title and cell of each column; a column without cells is left out.
const reportColumns = [
  ["Bits/weight", (row) => fixed(2)(row.bitsPerWeight)],
  ["Thinking, %", accuracy("thinking")],
  ["Non-thinking, %", accuracy("nonThinking")],
  ["Perplexity", (row) => fixed(4)(row.perplexity)],
  ["Ratio", (row) => withError(row.perplexityRatio, row.perplexityRatioError, fixed(4))],
  ["Mean KL", (row) => significant(row.klMean)],
  ["Top-1, %", (row) => withError(row.topOneAgreement, row.topOneAgreementError, percent)],
  ["Prompt tokens/s", (row) => significant(row.promptTokensPerSecond)],
  ["Decode tokens/s", (row) => significant(row.decodeTokensPerSecond)],
  ["Parameters", (row) => typeof row.parameters === "number" ? row.parameters.toLocaleString("en") : null],
  ["In memory", (row) => typeof row.weightBytes === "number" ? byteText(row.weightBytes) : null],
  ["On disk", (row) => typeof row.weightBytes === "number" && typeof row.sizeBytes === "number"
    ? byteText(row.sizeBytes) : null],
];

/// A report's rows have labels, which no two of them share; the rows of a conversion have steps only.
const rowName = (row, index) => row.label
  ?? (row.recipe ? row.recipe + ": " : "") + (row.step ?? (index === 0 ? "checkpoint" : "step " + index));

const isMeasured = (rows) => rows.some((row) => typeof row.perplexity === "number"
  || Object.keys(row.tasks ?? {}).length > 0 || typeof row.decodeTokensPerSecond === "number");

function reportTable(rows) {
  const columns = reportColumns.filter(([, cell]) => rows.some((row) => cell(row) !== null));
  const head = element("tr", {}, element("th", { scope: "col" }, "After step"),
    ...columns.map(([title]) => element("th", { scope: "col", className: "right" }, title)));
  const body = rows.map((row, index) => element("tr", {}, element("th", { scope: "row" }, rowName(row, index)),
    ...columns.map(([, cell]) => element("td", { className: "right" }, cell(row) ?? "–"))));
  return scrollingTable(element("thead", {}, head), element("tbody", {}, ...body));
}

/// Sentences about what was measured; empty if the report does not say it.
function methodSentences({ tasks, text } = {}) {
  const sentences = [];
  if (tasks) sentences.push(`Answers: ${tasks.problems} of ${tasks.available} problems of ${tasks.file}.`);
  if (text) sentences.push(`Text: ${text.scoredTokens} tokens of ${text.file}.`);
  return sentences;
}

const measureLegend = "± is one standard error. Thinking and non-thinking are the shares of right answers in each mode. "
  + "Ratio (of perplexities), mean KL and top-1 compare with the checkpoint.";

/// Levels of a heat map, on a logarithmic scale over three powers of ten.
const heatLevels = 5;
const heatLevel = (value, most) => value > 0 && most > 0
  ? Math.max(0, Math.ceil(heatLevels * (1 + Math.log10(value / most) / 3))) : 0;

const listOf = (value) => Array.isArray(value) ? value : [];

/// Tables of costs: one row per layer. `rows` has a label and the cells of each; a cell without a number is empty.
function heatTable(title, columns, rows) {
  const most = Math.max(0, ...rows.flatMap(([, cells]) => cells.filter(Number.isFinite)));
  const head = element("tr", {}, element("th", { scope: "col" }, "Layer"),
    ...columns.map((name) => element("th", { scope: "col", className: "right" }, name)));
  const body = rows.map(([label, cells]) => element("tr", {}, element("th", { scope: "row" }, label),
    ...cells.map((cell) => element("td", { className: "right heat-" + (Number.isFinite(cell) ? heatLevel(cell, most) : 0) },
      Number.isFinite(cell) ? significant(1000 * cell) : "–"))));
  return element("details", { open: rows.length <= 12 }, element("summary", {}, title),
    scrollingTable(element("thead", {}, head), element("tbody", {}, ...body)));
}

/// What each part of the checkpoint is worth: one change at a time.
function sensitivityNodes(report) {
  const matrices = listOf(report?.matrices).filter((matrix) => Number.isInteger(matrix.layer));
  const parts = [...new Set(matrices.map((matrix) => String(matrix.part)))];
  const layers = [...new Set(matrices.map((matrix) => matrix.layer))].sort((one, other) => one - other);
  const costs = new Map(matrices.map((matrix) => [matrix.layer + " " + matrix.part, matrix.kl]));
  const nodes = [];
  if (layers.length > 0) {
    nodes.push(heatTable("One matrix rounded", parts.map((part) => part.replace("_proj", "")),
      layers.map((layer) => [String(layer), parts.map((part) => costs.get(layer + " " + part))])));
  }
  for (const [title, units] of [["One KV group removed", report?.kvGroups], ["One query head removed", report?.heads]]) {
    const rows = listOf(units).map((layer, index) => [String(index), listOf(layer).map((cost) => cost?.kl)]);
    const count = Math.max(0, ...rows.map(([, cells]) => cells.length));
    if (count > 0) nodes.push(heatTable(title, Array.from({ length: count }, (_, index) => String(index)), rows));
  }
  if (nodes.length === 0) return [];
  return [element("h3", {}, "Where the model is sensitive"), ...nodes, element("p", { className: "hint" },
    "KL divergence in thousandths of a nat per token of the checkpoint with this change alone"
    + (Number.isInteger(report.tokens) ? `, on ${countText(report.tokens, "token")} of ${report.text}` : "")
    + ". A stronger colour is a larger cost.")];
}

/// The commands that make the report of this kind of model.
function howToEvaluate(kind) {
  const commands = kind === "pack"
    ? "quire evaluate MODEL.quire --reference CHECKPOINT --store"
    : "quire evaluate CHECKPOINT --json evaluation.json\nquire serve CHECKPOINT --report evaluation.json";
  const sentence = kind === "pack"
    ? "This pack contains no measurements. This command compares it with its checkpoint and stores the numbers in "
      + "the pack; restart the server afterwards:"
    : "The server was started without a report. These commands measure the checkpoint and show the numbers here:";
  return [element("p", {}, sentence), element("pre", { tabIndex: 0 }, element("code", {}, commands))];
}

function factList(model) {
  const facts = [
    ["Kind", model.kind],
    ["Parameters", model.parameters ? (model.parameters / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })
      + " million" : null],
    ["Weights in memory", model.weight_bytes ? byteText(model.weight_bytes) + ", "
      + model.bits_per_weight.toFixed(2) + " bits per weight" : null],
    ["File", model.file_bytes ? byteText(model.file_bytes) : null],
    ["Context", countText(model.max_model_len, "token")],
    ["Chat format", model.chat_format],
    ["Recipe", model.recipe?.name],
    ["API", new URL("v1", document.baseURI).href],
  ];
  return element("dl", {}, ...facts.filter(([, value]) => value).flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

/// The contents of the dialog.
function modelNodes(model) {
  const nodes = [factList(model), element("h3", {}, "Evaluation")];
  const { report } = model;
  const rows = report ? report.rows : model.steps;
  if (rows.length > 0) nodes.push(reportTable(rows));
  if (isMeasured(rows)) nodes.push(element("p", { className: "hint" }, measureLegend));
  else nodes.push(...howToEvaluate(model.kind));
  for (const text of methodSentences(report?.method)) nodes.push(element("p", { className: "hint" }, text));
  nodes.push(...sensitivityNodes(model.sensitivity));
  const notes = model.steps.flatMap((row) => row.notes ?? []);
  if (notes.length) {
    nodes.push(element("h3", {}, "Notes of the steps"),
      element("ul", {}, ...notes.map((note) => element("li", {}, String(note)))));
  }
  if (model.recipe?.text) {
    nodes.push(element("h3", {}, "Recipe"),
      element("pre", { tabIndex: 0 }, element("code", {}, model.recipe.text)));
  }
  return nodes;
}

// Connects the parts: the model's description, the keyboard, the dialog.

const page = {
  /// The response of /quire/model; null until it arrives.
  model: null,
};

/// Shows a short status, which screen readers read aloud.
function say(text) { byId("status").textContent = text; }

function showNotice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

/// Keeps the end of the conversation visible, unless the user has scrolled up.
function scrollToEnd(always = false) {
  const log = byId("log");
  if (always) isAtEnd = true;
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}
let isAtEnd = true;

function fitPrompt() {
  const prompt = byId("prompt");
  prompt.style.height = "auto";
  prompt.style.height = prompt.scrollHeight + 2 + "px";
}

function askForKey() {
  byId("key-form").hidden = false;
  byId("key").focus();
}

function closeKeyForm() {
  const hadFocus = byId("key-form").contains(document.activeElement);
  byId("key-form").hidden = true;
  if (hadFocus) byId("prompt").focus();
}

function useKey() {
  const key = byId("key").value.trim();
  // The server's keys have no other characters, and browsers cannot send most of them in a header.
  const wrong = /[^!-~]/u.exec(key);
  byId("key").setCustomValidity(wrong ? "Expected visible ASCII characters without spaces, found “" + wrong[0]
    + "”; correct the key." : "");
  if (!byId("key").reportValidity()) return;
  tabStore.write("key", key);
  byId("key").value = "";
  loadModel();
}

async function loadModel() {
  try {
    page.model = await (await send("quire/model")).json();
  } catch (error) {
    if (error.status === 401) {
      if (tabStore.read("key")) showNotice(error.message);
      askForKey();
    } else showNotice(error instanceof ServerError ? error.message : "The model's description cannot be read.");
    return;
  }
  showNotice(page.model.chat ? "" : "This model has no known chat format, so it cannot chat here. Start the "
    + "server with --chat-format qwen3 if its chats are Qwen3's, or use /v1/completions.");
  byId("send").disabled = !page.model.chat;
  closeKeyForm();
  showModel(page.model);
  settings.showDefaults();
}

function showModel(model) {
  document.title = model.id + " – Quire";
  byId("model-name").textContent = model.id;
  byId("model-title").textContent = model.id;
  const parts = [];
  if (model.parameters) parts.push(parameterText(model.parameters));
  if (model.bits_per_weight) parts.push(model.bits_per_weight.toFixed(2) + " bits per weight");
  parts.push("context " + model.max_model_len.toLocaleString("en"));
  byId("model-line").textContent = parts.join(" · ");
  byId("model-body").replaceChildren(...modelNodes(model));
}

/// While an input method composes a word, Enter and Esc are for the input method. Safari sends the key that ends the
/// composition after its end, with the code 229.
const isComposing = (event) => event.isComposing || event.keyCode === 229;

function listen() {
  byId("composer").onsubmit = (event) => {
    event.preventDefault();
    if (!byId("send").disabled) conversation.submit();
  };
  byId("prompt").oninput = fitPrompt;
  byId("prompt").onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  };
  document.onkeydown = (event) => {
    if (event.key !== "Escape" || isComposing(event) || byId("model-dialog").open) return;
    if (conversation.abort) conversation.stop();
    else if (conversation.isEditing) conversation.cancelEdit();
  };
  byId("log").onscroll = () => {
    const log = byId("log");
    isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  };
  byId("stop").onclick = () => conversation.stop();
  byId("new-chat").onclick = () => conversation.clear();
  byId("cancel-edit").onclick = () => conversation.cancelEdit();
  byId("show-model").onclick = () => byId("model-dialog").showModal();
  byId("close-model").onclick = () => byId("model-dialog").close();
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    useKey();
  };
  // Otherwise the form would not be submitted again.
  byId("key").oninput = () => byId("key").setCustomValidity("");
  addEventListener("pagehide", () => conversation.keep());
}

listen();
settings.start();
conversation.start();
scrollToEnd(true);
loadModel();
if (matchMedia("(pointer: fine)").matches) byId("prompt").focus();

})();
</script>
</body>
</html>
"""#
}
