// What htmx cannot say in attributes: one stream per visible tab, calm refreshes, and the keyboard.
"use strict";

const LOST_AFTER_MS = 20_000; // the server speaks every 5 s; silence for this long is a broken line
const SHOW_LOST_AFTER_MS = 3_000; // a reconnect within this time is nobody's business
const ACTIVE_FOR_MS = 60_000;

let touchedAt = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(kind, () => (touchedAt = Date.now()), { passive: true });
}

// ---- the stream ------------------------------------------------------------------------------
// Stands in for EventSource. A hidden tab hangs up: browsers allow six connections to one host.
class TabStream {
  constructor(url) {
    this.url = url;
    this.listeners = [];
    this.connect();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.connect()));
    setInterval(() => this.watch(), 5_000);
  }

  get readyState() {
    return EventSource.OPEN; // reconnecting is done here, not by the extension
  }

  addEventListener(name, hear) {
    this.listeners.push([name, hear]);
    this.source?.addEventListener(name, hear);
  }

  removeEventListener(name, hear) {
    this.listeners = this.listeners.filter(([n, h]) => n !== name || h !== hear);
    this.source?.removeEventListener(name, hear);
  }

  connect() {
    this.close();
    if (document.hidden) return;
    this.heardAt = Date.now();
    this.source = new EventSource(this.url);
    this.source.onopen = () => this.opened();
    this.source.onerror = () => this.lost();
    this.source.addEventListener("metrics", () => (this.heardAt = Date.now()));
    for (const [name, hear] of this.listeners) this.source.addEventListener(name, hear);
  }

  close() {
    clearTimeout(this.showing);
    if (this.source) this.missed = true;
    this.source?.close();
    this.source = null;
  }

  opened() {
    clearTimeout(this.showing);
    this.showing = null;
    setStale(false);
    if (this.missed) htmx.trigger(document.body, "refresh"); // whatever happened meanwhile was not told
    this.missed = false;
  }

  lost() {
    this.missed = true;
    this.showing ??= setTimeout(() => setStale(true), SHOW_LOST_AFTER_MS);
    // After an HTTP error the browser gives up for good; then we try again ourselves.
    if (this.source?.readyState === EventSource.CLOSED) setTimeout(() => this.source && this.connect(), 5_000);
  }

  watch() {
    if (this.source && Date.now() - this.heardAt > LOST_AFTER_MS) {
      setStale(true);
      this.connect();
    }
  }
}

htmx.createEventSource = (url) => new TabStream(url);

function setStale(stale) {
  const banner = document.getElementById("stale");
  document.body.toggleAttribute("data-stale", stale);
  banner.hidden = !stale;
  if (stale) {
    banner.textContent = banner.dataset.words.replace("{time}", document.getElementById("clock").dataset.clock);
  }
}

// ---- refreshing without disturbing -------------------------------------------------------------
// Swap style `keyed`: children that are the same stay as they are, so that focus, selection and open
// boxes survive and a screen reader hears only what is new.
htmx.defineExtension("keyed", {
  handleSwap(style, target, fragment) {
    if (style !== "keyed") return false;
    const fresh = [];
    const next = [...fragment.children].map((child) => {
      const old = child.id && document.getElementById(child.id);
      if (old && old.parentElement === target && old.isEqualNode(child)) return old;
      fresh.push(child);
      return child;
    });
    for (const gone of [...target.childNodes]) if (!next.includes(gone)) gone.remove();
    next.forEach((child, index) => {
      if (target.children[index] !== child) target.insertBefore(child, target.children[index] ?? null);
    });
    return fresh;
  },
});

// An answer to a question that the page no longer asks (another conversation was chosen, a refresh was
// quicker) would land in the wrong place.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { isError, requestConfig } = event.detail;
  const asked = requestConfig.parameters.selected;
  const shown = document.querySelector("#shown [name=selected]")?.value;
  if (isError || (requestConfig.elt.isConnected && (!asked || asked === shown))) return;
  event.detail.shouldSwap = false;
  if (requestConfig.verb !== "get") htmx.trigger(document.body, "refresh"); // it was done; show it
});

document.addEventListener("htmx:configRequest", (event) => {
  if (Date.now() - touchedAt < ACTIVE_FOR_MS) event.detail.headers["X-Active"] = "1";
});

// Not `autofocus`: browsers complain of it in a page where something has the focus already. Each field takes
// the focus once, as soon as it is there: later it would be taken from whoever has left it meanwhile.
const greeted = new WeakSet();
for (const moment of ["htmx:oobAfterSwap", "htmx:load"]) {
  document.addEventListener(moment, () => {
    for (const field of document.querySelectorAll("[data-focus]")) {
      if (!greeted.has(field)) field.focus();
      greeted.add(field);
    }
  });
}

// ---- the keyboard -------------------------------------------------------------------------------
function step(distance) {
  const rows = [...document.querySelectorAll("#rows a")];
  const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const next = rows[Math.min(Math.max(at + distance, 0), rows.length - 1)];
  if (next && next !== rows[at]) {
    next.focus();
    next.click();
  }
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, textarea, select");
  if (field?.hasAttribute("data-send")) {
    // While an input method is composing, Enter chooses a word.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
      event.preventDefault();
      if (!field.form.querySelector("button").disabled) field.form.requestSubmit();
    } else if (event.key === "Escape") {
      field.blur();
    }
    return;
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "Escape") document.querySelector("details.menu[open]")?.removeAttribute("open");
  else {
    const button = document.querySelector(`[data-shortcut="${CSS.escape(event.key.toLowerCase())}"]`);
    if (button) {
      event.preventDefault(); // or the letter lands in the box that opens
      button.click();
    }
  }
});

// ---- uploading ----------------------------------------------------------------------------------
for (const [moment, show] of [["htmx:xhr:progress", true], ["htmx:afterRequest", false]]) {
  document.addEventListener(moment, (event) => {
    const bar = event.target.querySelector?.("progress.sending");
    if (!bar) return;
    bar.hidden = !show;
    if (show && event.detail.lengthComputable) bar.value = (100 * event.detail.loaded) / event.detail.total;
  });
}

// ---- copying ------------------------------------------------------------------------------------
for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Over plain HTTP there is no clipboard; what is selected can still be copied.
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return;
    getSelection().removeAllRanges();
  }
  const words = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = words), 2_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button && button.textContent !== button.dataset.done) copy(button);
});

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (menu && !menu.contains(event.target)) menu.removeAttribute("open");
});
