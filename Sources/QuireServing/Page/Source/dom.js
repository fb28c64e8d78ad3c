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
