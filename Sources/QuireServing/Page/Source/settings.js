// The settings below the message field: thinking, its budget, the system prompt and the sampling parameters.

const settingInputs = [...document.querySelectorAll("#settings [data-field]")];

const settings = {
  /// Restores the values of this tab and stores later changes.
  start() {
    const kept = tabStore.read("settings") ?? {};
    byId("thinking").checked = kept.thinking ?? true;
    byId("budget").value = kept.budget ?? "";
    byId("system").value = kept.system ?? "";
    for (const input of settingInputs) input.value = kept[input.dataset.field] ?? "";
    for (const input of [byId("thinking"), byId("budget"), byId("system"), ...settingInputs]) {
      input.addEventListener("input", () => this.changed());
    }
    byId("reset-settings").onclick = () => this.reset();
    this.changed();
  },

  changed() {
    const kept = {
      thinking: byId("thinking").checked, budget: byId("budget").value, system: byId("system").value,
    };
    for (const input of settingInputs) kept[input.dataset.field] = input.value;
    tabStore.write("settings", kept);
    byId("budget").disabled = !byId("thinking").checked;
    this.showDefaults();
  },

  reset() {
    for (const input of [byId("system"), byId("budget"), ...settingInputs]) input.value = "";
    this.changed();
  },

  /// Shows the model's defaults for the selected mode in empty fields.
  showDefaults() {
    const sampling = page.model?.sampling?.[byId("thinking").checked ? "thinking" : "non_thinking"] ?? {};
    for (const input of settingInputs) {
      const value = sampling[input.dataset.field];
      if (value !== undefined) input.placeholder = String(value);
    }
    byId("budget-label").hidden = !page.model?.features?.thinking_token_budget;
  },

  /// Whether every field is valid; shows the first invalid one.
  areValid() {
    const wrong = [byId("budget"), ...settingInputs].find((input) => !input.disabled && !input.validity.valid);
    if (!wrong) return true;
    if (wrong !== byId("budget")) byId("settings").open = true;
    wrong.reportValidity();
    return false;
  },

  /// The members of a request; empty fields are left out, so the server's defaults apply.
  requestFields() {
    const fields = { chat_template_kwargs: { enable_thinking: byId("thinking").checked } };
    for (const input of settingInputs) {
      if (input.value !== "") fields[input.dataset.field] = Number(input.value);
    }
    const budget = byId("budget");
    if (!byId("budget-label").hidden && !budget.disabled && budget.value !== "") {
      fields.thinking_token_budget = Number(budget.value);
    }
    return fields;
  },

  systemMessages() {
    const text = byId("system").value;
    return text.trim() ? [{ role: "system", content: text }] : [];
  },
};
