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
