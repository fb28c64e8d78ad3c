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
