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
