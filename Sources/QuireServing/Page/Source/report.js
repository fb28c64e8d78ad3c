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
