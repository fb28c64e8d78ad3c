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
