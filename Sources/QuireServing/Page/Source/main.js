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
