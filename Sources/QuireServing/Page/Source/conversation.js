// The conversation: its messages, the running answer, and the user's actions.

const conversation = {
  /// {role: "user", content} and {role: "assistant", content, reasoning, stats, ending, error} alternately.
  messages: [],
  views: [],
  /// Cancels the request of the running answer; null without one.
  abort: null,
  isEditing: false,

  start() {
    this.messages = tabStore.read("messages") ?? [];
    this.redraw();
  },

  keep() { tabStore.write("messages", this.messages); },

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
    const text = byId("prompt").value.trim();
    if (!text || this.abort || !settings.areValid()) return;
    if (this.isEditing) this.cut(this.messages.findLastIndex((message) => message.role === "user"));
    this.isEditing = false;
    byId("prompt").value = "";
    fitPrompt();
    this.append({ role: "user", content: text });
    this.keep();
    this.answer();
  },

  retry() {
    if (this.abort || !settings.areValid()) return;
    this.isEditing = false;
    this.cut(this.messages.findLastIndex((message) => message.role === "user") + 1);
    byId("prompt").focus();
    this.answer();
  },

  edit() {
    this.isEditing = true;
    byId("prompt").value = this.messages.findLast((message) => message.role === "user").content;
    fitPrompt();
    byId("prompt").focus();
    this.update();
  },

  cancelEdit() {
    this.isEditing = false;
    byId("prompt").value = "";
    fitPrompt();
    byId("prompt").focus();
    this.update();
  },

  stop() { this.abort?.abort(); },

  clear() {
    this.stop();
    this.cut(0);
    this.isEditing = false;
    this.keep();
    this.update();
    say("");
    byId("prompt").focus();
  },

  requestBody() {
    // An answer that failed before its first token is left out.
    const messages = this.messages.filter(({ content }) => content !== "")
      .map(({ role, content }) => ({ role, content }));
    return {
      model: page.model?.id, messages: [...settings.systemMessages(), ...messages], stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true }, ...settings.requestFields(),
    };
  },

  /// Requests the answer to the last message and shows it as it arrives.
  async answer() {
    const message = { role: "assistant", content: "", reasoning: "" };
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
      await this.receive(message, view, abort.signal);
    } catch (error) {
      if (error.name === "AbortError") message.ending = "stopped";
      else message.error = error instanceof ServerError ? error.message : "The answer cannot be read: " + error;
      if (error.status === 401) askForKey();
    }
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

  async receive(message, view, signal) {
    const meter = new Meter();
    message.stats = meter.stats;
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
    }
  },
};

/// A tool call as the model wrote it; this page offers no tools.
const callText = ({ function: { name, arguments: text } }) =>
  "\n\nThe model calls a tool:\n\n```json\n" + name + " " + text + "\n```\n";
