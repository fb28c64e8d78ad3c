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
  const label = button.textContent;
  const done = await writeClipboard(text);
  button.textContent = done ? "Copied" : "Copying failed";
  setTimeout(() => { button.textContent = label; }, 1500);
}

async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers disable the clipboard API for plain-HTTP pages of other machines; copying a selection still works.
    const area = element("textarea", { value: text, readOnly: true });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/// Storage of this tab until it is closed. If the browser forbids it or its limit is reached, nothing is stored.
const tabStore = {
  read(name) {
    try { return JSON.parse(sessionStorage.getItem("quire." + name)); } catch { return null; }
  },
  write(name, value) {
    try { sessionStorage.setItem("quire." + name, JSON.stringify(value)); } catch { /* not kept */ }
  },
};

/// 1.2 s, 34 s, 2 min 5 s.
function durationText(seconds) {
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 60) return Math.round(seconds) + " s";
  return Math.floor(seconds / 60) + " min " + Math.round(seconds % 60) + " s";
}

/// 950 B, 2.36 MB.
function byteText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return (unit === 0 ? bytes : bytes.toPrecision(3)) + " " + units[unit];
}

const countText = (count, noun) => count.toLocaleString("en") + " " + noun + (count === 1 ? "" : "s");
