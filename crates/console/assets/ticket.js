// Keys, live counts and claims on the pages of moderation. Every page works without it: what it does, forms and links do
// as well.
(() => {
  "use strict";

  const KINDS = ["new", "joined", "claimed", "released", "judged", "undone", "reopened", "reset"];
  const REFRESH_MS = 500; // after an event, so that many at once are one read
  const AGES_MS = 30000; // how old tickets are, is read again
  const POLL_MS = 3000; // where there is no stream
  const RENEW_MS = 180000; // a claim holds ten minutes
  const HELD = "reportd-held";
  const DRAFT = "reportd-draft-";
  const GREY = "reportd-grey";

  const one = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const live = one("[data-live]");
  const marker = () => one("#queue, #ticket");
  if (!live || !marker()) return;

  const stored = (store, name) => {
    try {
      return store.getItem(name);
    } catch {
      return null;
    }
  };
  const keep = (store, name, value) => {
    try {
      if (value === null) store.removeItem(name);
      else store.setItem(name, value);
    } catch {
      // A browser that keeps nothing works as well.
    }
  };

  // Live: the part of the page that shows what stands is asked for again and put in place.

  let isReading = false;
  let isStale = false;
  let timer = 0;

  const refreshSoon = (after_ms) => {
    if (!timer) timer = setTimeout(() => read(), after_ms);
  };

  async function read(address, init) {
    clearTimeout(timer);
    timer = 0;
    if (isReading) {
      isStale = true;
      return;
    }
    isReading = true;
    try {
      const asked = address || marker().dataset.page || location.href;
      const reply = await fetch(asked, { headers: { "x-requested-with": "live" }, cache: "no-store", ...init });
      if (reply.ok && new URL(reply.url).pathname.startsWith("/console/tickets")) put(await reply.text());
    } catch {
      // The server may be starting again: the next read will tell.
    }
    isReading = false;
    if (isStale) {
      isStale = false;
      refreshSoon(REFRESH_MS);
    }
  }

  function put(html) {
    const fresh = one("[data-live]", new DOMParser().parseFromString(html, "text/html"));
    if (!fresh || !one("#queue, #ticket", fresh)) return;
    const focused = document.activeElement && live.contains(document.activeElement) ? document.activeElement : null;
    const path = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.dataset.key && `[data-key="${focused.dataset.key}"]`);
    const selected = all("input[name=ticket]:checked", live).map((box) => box.value);
    // What a person is filling in stays.
    for (const kept of all("[data-keep]", fresh)) kept.replaceWith(one(`#${kept.id}`, live) || kept);
    // An offer to undo stands in the address of the page that came first, and is good until its time is over.
    const offers = all("form.undo", live).filter((offer) => offer.ends > performance.now());
    live.replaceChildren(...fresh.childNodes);
    for (const offer of offers) {
      const again = all("form.undo", live).find((other) => other.action === offer.action);
      if (again) again.replaceWith(offer);
      else marker().after(offer);
    }
    for (const box of all("input[name=ticket]", live)) box.checked = selected.includes(box.value);
    dress();
    if (path) {
      const again = one(path, live);
      if (again) again.focus({ preventScroll: true });
    }
  }

  // What only a script can do is hidden until there is one.
  function dress() {
    for (const element of all("[data-opens], [data-all]")) element.hidden = false;
    for (const offer of all("[data-left]")) offer.ends ||= performance.now() + Number(offer.dataset.left) * 1000;
    for (const mark of all("[data-live-mark]")) mark.hidden = !source || source.readyState !== 1;
    const form = one("#verdict");
    const off = one("#off");
    const { open, reports } = marker().dataset;
    if (form && off) {
      off.disabled = open !== "1";
      const seen = Number(form.elements.seen.value);
      for (const more of all("[data-more]")) more.hidden = !(Number(reports) > seen);
      for (const decided of all("[data-decided]")) decided.hidden = marker().dataset.decided !== "1";
    }
    count();
  }

  // The time to undo runs out before the eyes.
  setInterval(() => {
    for (const offer of all("[data-left]")) {
      const left = Math.ceil((offer.ends - performance.now()) / 1000);
      const seconds = one("[data-seconds]", offer);
      if (seconds) seconds.textContent = String(Math.max(left, 0));
      if (left <= 0) offer.hidden = true;
    }
  }, 250);

  // A browser has few connections to a host: only the page in front listens.

  let source = null;
  let poll = 0;

  function listen() {
    if (document.hidden || source || !window.EventSource) return;
    source = new EventSource(marker().dataset.events);
    for (const kind of KINDS) source.addEventListener(kind, heard);
    source.onopen = () => {
      clearInterval(poll);
      poll = 0;
      dress();
      // What happened before it opened.
      if (one("#queue")) refreshSoon(0);
    };
    source.onerror = () => {
      if (source && source.readyState === 2) source = null;
      if (!poll) poll = setInterval(() => { if (!document.hidden) { refreshSoon(0); listen(); } }, POLL_MS);
      dress();
    };
  }

  function heard(event) {
    const ticket = one("#ticket");
    if (!ticket) return refreshSoon(REFRESH_MS);
    let told = {};
    try {
      told = JSON.parse(event.data);
    } catch {
      return;
    }
    if (event.type === "reset" || told.ticket_id === ticket.dataset.id) refreshSoon(REFRESH_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
      return;
    }
    listen();
    if (holds()) renew();
    else refreshSoon(0);
  });
  setInterval(() => { if (!document.hidden && one("#queue")) refreshSoon(0); }, AGES_MS);

  // Claims: renewed while the page is in front, given back when it is left.

  const holds = () => marker().dataset.held === "me";
  let keepsClaim = false;

  function fields(form) {
    return new URLSearchParams(new FormData(form));
  }

  function renew() {
    const form = one("#claim");
    if (form) read(form.action, { method: "POST", body: fields(form) });
  }

  setInterval(() => { if (!document.hidden && holds()) renew(); }, RENEW_MS);

  window.addEventListener("pagehide", () => {
    const release = one("#release");
    if (keepsClaim || !holds() || !release) return;
    navigator.sendBeacon(release.action, fields(release));
    keep(sessionStorage, HELD, marker().dataset.id);
  });

  // A page that is loaded again takes its claim back.
  function takeBack() {
    const held = stored(sessionStorage, HELD);
    keep(sessionStorage, HELD, null);
    if (held && held === marker().dataset.id) renew();
  }

  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    keepsClaim = false;
    takeBack();
    refreshSoon(0);
  });

  // Forms: what is filled in is kept until it is judged. That each is sent once, the shared script sees to.

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    keepsClaim = form.id !== "next" && form.id !== "release";
  });

  function restore() {
    const judged = new URLSearchParams(location.search).get("judged");
    if (judged) keep(sessionStorage, DRAFT + judged, null);
    const form = one("#verdict");
    if (!form) return;
    const name = DRAFT + form.dataset.draft;
    const draft = stored(sessionStorage, name);
    if (draft && !one("[name=dialogue]:checked", form) && !form.elements.note.value) {
      try {
        for (const [field, value] of JSON.parse(draft)) fill(form, field, value);
      } catch {
        keep(sessionStorage, name, null);
      }
    }
    form.addEventListener("input", () => {
      const filled = Array.from(new FormData(form)).filter(([field]) => field === "dialogue" || field === "note" || field.startsWith("user:"));
      keep(sessionStorage, name, JSON.stringify(filled));
    });
  }

  function fill(form, field, value) {
    for (const element of form.elements) {
      if (element.name !== field) continue;
      if (element.type === "radio") element.checked = element.value === value;
      else element.value = value;
    }
  }

  // The selection of the queue.

  function count() {
    const boxes = all("input[name=ticket]");
    const checked = boxes.filter((box) => box.checked).length;
    for (const element of all("[data-count]")) element.textContent = checked ? `(${checked})` : "";
    for (const box of all("[data-all]")) box.checked = boxes.length > 0 && checked === boxes.length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) for (const box of all("input[name=ticket]")) box.checked = event.target.checked;
    if (event.target.matches("[data-all], input[name=ticket]")) count();
  });

  // Keys.

  const isTyped = (element) =>
    element.matches("textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])");
  const isPressed = (element) => element.matches("a, button, summary, [type=checkbox]");
  const isShown = (element) => element.getClientRects().length > 0 && !element.disabled;
  const group = () => (document.activeElement && document.activeElement.closest("[data-user]")) || one("[data-dialogue]");

  function enter(fieldset) {
    if (!fieldset) return;
    const control = one("input:checked", fieldset) || one("input, select", fieldset);
    if (control) control.focus();
    fieldset.scrollIntoView({ block: "nearest" });
  }

  function nextUser() {
    const groups = all("[data-user]").filter(isShown);
    enter(groups[(groups.indexOf(group()) + 1) % groups.length]);
  }

  function label(key) {
    const now = group();
    const input = now && all("[data-label]", now).find((input) => input.dataset.label === key);
    if (!input || input.matches(":disabled")) return false;
    input.click();
    input.focus();
    return true;
  }

  function move(by) {
    const rows = all("[data-row]");
    if (!rows.length) return;
    const tr = document.activeElement.closest("tr");
    const at = rows.findIndex((row) => tr && tr.contains(row));
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)].focus();
  }

  function select() {
    const tr = document.activeElement.closest("tr");
    const box = tr && one("input[name=ticket]", tr);
    if (box) box.click();
  }

  // An image of another host is asked for with the first wish to see it, and shown with the second: until then it is
  // blurred.
  function load(veil) {
    const image = one("img[data-src]", veil.parentElement);
    if (!image) return false;
    veil.checked = false;
    image.src = image.dataset.src;
    image.removeAttribute("data-src");
    image.hidden = false;
    for (const ask of all("[data-then]", veil.parentElement)) ask.textContent = ask.dataset.then;
    return true;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-veil]")) load(event.target);
  });

  function unblur() {
    const veils = all("[data-veil]");
    if (veils.filter((veil) => load(veil)).length) return;
    const shows = veils.some((veil) => !veil.checked);
    for (const veil of veils) veil.checked = shows;
  }

  function grey() {
    const is_grey = document.documentElement.classList.toggle("grey-media");
    keep(localStorage, GREY, is_grey ? "1" : null);
  }

  function press(key) {
    const button = all("[data-key]").find((button) => button.dataset.key === key && isShown(button));
    if (!button || button.matches(":disabled")) return false;
    button.click();
    return true;
  }

  const acts = { u: nextUser, d: () => enter(one("[data-dialogue]")), b: unblur, g: grey, m: () => { const note = one("[data-note]"); if (note) note.focus(); } };
  const listActs = { j: () => move(1), k: () => move(-1), x: select };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = event.target;
    if (event.key === "Escape" && at.matches("[data-note]")) return at.blur();
    if (one("dialog[open]") || isTyped(at)) return;
    const key = event.key === "？" ? "?" : event.key;
    if (event.shiftKey && key !== "?") return;
    const small = key.length === 1 ? key.toLowerCase() : key;
    if (small === "Enter" && isPressed(at)) return;
    const act = (one("#ticket") ? acts : listActs)[small];
    if (act) {
      event.preventDefault();
      return act();
    }
    if (event.repeat) return;
    if (press(small) || label(small)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) {
        dialog.showModal();
        // Else Enter would still press the button in it that closed it.
        dialog.onclose = () => { if (dialog.contains(document.activeElement)) document.activeElement.blur(); };
      }
    }
    const tab = event.target.closest("[data-report]");
    const report = tab && one(tab.getAttribute("href"));
    if (report) report.open = true;
  });

  if (stored(localStorage, GREY)) document.documentElement.classList.add("grey-media");
  restore();
  takeBack();
  listen();
  dress();
})();
