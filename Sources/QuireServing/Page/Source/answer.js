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
