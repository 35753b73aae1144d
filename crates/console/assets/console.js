// What pages do beyond links and forms. They work without it, and it knows nothing of what they show.
"use strict";
(() => {
  const { body } = document;
  const all = (what) => document.querySelectorAll(what);
  document.documentElement.classList.add("js");

  // A menu that is too wide shows where one is.
  for (const link of all("nav [aria-current=page]")) link.parentElement.scrollLeft = link.offsetLeft - 64;

  // A live page asks for itself and takes over what changed. What is the same stays the same element: focus, selection,
  // scroll positions and what was opened are not lost. Siblings are told apart by id or data-key.
  const key = (node) => node.nodeType === 1 ? node.id || node.dataset.key : "";
  const alike = (a, b) => a.nodeName === b.nodeName && key(a) === key(b);
  const find = (parent, node) => key(node) && [...parent.children].find((child) => alike(child, node));
  const ours = ["open", "data-sent", "aria-disabled"];

  function follow(now, next) {
    if (now.nodeType !== 1) {
      if (now.nodeValue !== next.nodeValue) now.nodeValue = next.nodeValue;
      return;
    }
    for (const { name } of [...now.attributes]) {
      if (!next.hasAttribute(name) && !ours.includes(name)) now.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (now.getAttribute(name) !== value && !ours.includes(name)) now.setAttribute(name, value);
    }
    followAll(now, next);
  }

  function followAll(now, next) {
    let place = now.firstChild;
    const drop = () => {
      const behind = place.nextSibling;
      place.remove();
      place = behind;
    };
    for (const child of [...next.childNodes]) {
      const same = key(child) ? find(now, child) : place && alike(place, child) && place;
      if (!same) {
        now.insertBefore(child, place);
        continue;
      }
      while (place && place !== same && !find(next, place)) drop();
      if (place === same) place = same.nextSibling;
      else now.insertBefore(same, place);
      follow(same, child);
    }
    while (place) drop();
  }

  const seconds = Number(body.dataset.liveSeconds);
  const live = document.querySelector("[data-live]");
  const offline = document.querySelector("[data-offline]");
  let failures = 0, timer = 0, isAsking = false;

  function later() {
    clearTimeout(timer);
    const wait = Math.min(30, seconds * 2 ** Math.min(failures, 5));
    if (!document.hidden) timer = setTimeout(ask, wait * 1000);
  }

  async function ask() {
    if (isAsking || document.hidden) return;
    isAsking = true;
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), 15000);
    try {
      const reply = await fetch(location.href, {
        headers: { "x-requested-with": "live" }, redirect: "manual", cache: "no-store", signal: stop.signal,
      });
      if (reply.status === 401 || reply.type === "opaqueredirect") {
        location.assign("/console/login?to=" + encodeURIComponent(location.pathname + location.search));
        return;
      }
      if (!reply.ok) throw reply.status;
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const next = page.querySelector("[data-live]");
      const chosen = getSelection();
      // Nothing moves below a question or a text that is being marked.
      if (next && !document.querySelector("dialog[open]") && (chosen.isCollapsed || !live.contains(chosen.anchorNode))) {
        followAll(live, document.importNode(next, true));
        document.title = page.title;
        document.dispatchEvent(new Event("live"));
      }
      failures = 0;
    } catch {
      failures += 1;
    } finally {
      clearTimeout(limit);
      isAsking = false;
    }
    if (offline) offline.hidden = failures < 2;
    later();
  }

  if (seconds > 0 && live) {
    later();
    document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : ask());
    addEventListener("online", ask);
  }

  // Over a chart the numbers of a step, out of the table below it.
  const tip = document.createElement("p");
  tip.className = "tip";
  document.addEventListener("pointermove", ({ target, clientX }) => {
    const plot = target.closest?.(".plot");
    if (!plot) {
      tip.remove();
      return;
    }
    const drawing = plot.parentElement, table = drawing.parentElement.querySelector("table");
    const rows = table.tBodies[0].rows, box = plot.getBoundingClientRect();
    const at = (clientX - box.left) / box.width, isBars = drawing.classList.contains("bars");
    const step = isBars ? Math.floor(at * rows.length) : Math.round(at * (rows.length - 1));
    const cells = rows[Math.max(0, Math.min(rows.length - 1, step))].cells, heads = table.tHead.rows[0].cells;
    const name = document.createElement("bdi");
    const line = (cell, n) => {
      const of = name.cloneNode();
      of.textContent = heads[n].textContent;
      return ["\n", of, "  " + cell.textContent];
    };
    tip.replaceChildren(...[...cells].flatMap((cell, n) => n ? line(cell, n) : [cell.textContent]));
    drawing.append(tip);
    const left = clientX - drawing.getBoundingClientRect().left;
    tip.style.left = (at < 0.5 ? left : left - tip.offsetWidth - 24) + "px";
  });

  // A form is sent once; one with data-confirm asks first.
  const dialog = document.getElementById("ask");
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    const question = button?.dataset.confirm || form.dataset.confirm;
    if (question && dialog && !form.dataset.sure) {
      event.preventDefault();
      dialog.querySelector("p").textContent = question;
      dialog.querySelector("[value=yes]").textContent = button?.textContent || "OK";
      dialog.returnValue = "";
      dialog.onclose = () => {
        if (dialog.returnValue !== "yes") return;
        form.dataset.sure = 1;
        form.requestSubmit(button);
        delete form.dataset.sure;
      };
      dialog.showModal();
    } else if (!event.defaultPrevented && form.method === "post") {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = 1;
      button?.setAttribute("aria-disabled", true);
    }
  });
  // The back button shows the page as it was left.
  addEventListener("pageshow", () => {
    for (const form of all("[data-sent]")) delete form.dataset.sent;
    for (const button of all("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  });

  // data-copy holds a text, data-copy-of the id of the element whose text it is.
  document.addEventListener("click", async ({ target }) => {
    for (const open of all("details.pick[open]")) open.open = open.contains(target);
    const button = target.closest("[data-copy], [data-copy-of]");
    if (!button || button.dataset.was) return;
    const area = document.createElement("textarea");
    area.value = button.dataset.copy || document.getElementById(button.dataset.copyOf).textContent;
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(area.value);
    } else {
      // A page that came by plain HTTP has no clipboard.
      body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.dataset.was = button.textContent;
    button.textContent = body.dataset.copied;
    setTimeout(() => {
      button.textContent = button.dataset.was;
      delete button.dataset.was;
    }, 1500);
  });

  // A select[data-go] sends its form; by keyboard with Enter only, else each arrow key would load a page.
  let byKey = false;
  const isGo = (element) => element.matches("select[data-go]") && element.form;
  document.addEventListener("keydown", ({ key, target }) => {
    const open = key === "Escape" && target.closest("details.pick[open]");
    if (open) {
      open.open = false;
      open.firstElementChild.focus();
    }
    byKey = key !== "Enter";
    if (!byKey && isGo(target)) target.form.requestSubmit();
  });
  document.addEventListener("pointerdown", () => { byKey = false; });
  document.addEventListener("change", ({ target }) => {
    if (!byKey && isGo(target)) target.form.requestSubmit();
  });
})();
