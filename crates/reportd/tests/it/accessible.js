// What WCAG 2.2 AA asks of a page and a script can see: contrast, and but for `coloursAlone` names, headings, focus, sizes
// of targets.
const faults = new Set();
const tell = (what, element) => faults.add(what + ": " + (element ? element.outerHTML.slice(0, 140).replace(/\s+/g, " ") : ""));
const all = (selector) => [...document.querySelectorAll(selector)];
const box = (element) => element.getBoundingClientRect();
// What is cut down to nothing is there for who listens.
const isThere = (element) => element.checkVisibility({ visibilityProperty: true })
  && box(element).width > 1 && box(element).height > 1 && !element.closest(".vh, .skip");
const isSeen = (element) => isThere(element) && element.checkVisibility({ opacityProperty: true });
// Colours that still change are not what stays.
for (const change of document.getAnimations()) change.finish();

// 1.4.3 and 1.4.11
const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const known = new Map();
const rgba = (color) => {
  if (!known.has(color)) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    known.set(color, [r, g, b, a / 255]);
  }
  return known.get(color);
};
const over = (front, back) => [0, 1, 2].map((n) => front[n] * front[3] + back[n] * (1 - front[3])).concat(1);
const ground = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const color = rgba(getComputedStyle(at).backgroundColor);
    if (color[3] > 0) layers.push(color);
    if (color[3] === 1) break;
  }
  return layers.reduceRight((back, front) => over(front, back), rgba("canvas"));
};
const light = (color) => {
  const [r, g, b] = color.slice(0, 3).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
};
const fade = (element) => {
  let left = 1;
  for (let at = element; at; at = at.parentElement) left *= Number(getComputedStyle(at).opacity);
  return left;
};
const readable = (element, color) => {
  const style = getComputedStyle(element), back = ground(element), [r, g, b, a] = rgba(color);
  const size = parseFloat(style.fontSize), isLarge = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
  const ratio = contrast(over([r, g, b, a * fade(element)], back), back);
  if (ratio < (isLarge ? 3 : 4.5)) tell("contrast " + ratio.toFixed(2) + " of " + color, element);
};
const isOff = (element) => element.closest(":disabled, [aria-disabled=true]");
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.nodeValue.trim() || element.closest("option, script") || !isSeen(element) || isOff(element)) continue;
  const style = getComputedStyle(element);
  readable(element, element instanceof SVGElement ? style.fill : style.color);
}
for (const field of all("input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea")) {
  if (!isSeen(field) || isOff(field)) continue;
  readable(field, getComputedStyle(field).color);
  const back = ground(field.parentElement);
  const ratio = contrast(over(rgba(getComputedStyle(field).borderTopColor), back), back);
  if (ratio < 3) tell("edge with contrast " + ratio.toFixed(2), field);
}
// What a chart draws: lines and bars, and the marks that name them, also in colours that these figures have no line for.
const isSeenOn = (what, color, element) => {
  const back = ground(element), [r, g, b, a] = rgba(color);
  const ratio = contrast(over([r, g, b, a * fade(element)], back), back);
  if (!(ratio >= 3)) tell(`${what} with contrast ${ratio.toFixed(2)}`, element);
};
const isDrawnOn = (path) => {
  const { stroke, fill } = getComputedStyle(path);
  isSeenOn("a part of a chart", stroke === "none" ? fill : stroke, path);
};
for (const path of all(".plot .l, .plot .b, .spark .l")) isDrawnOn(path);
for (const mark of all(".chart li")) isSeenOn("a mark of a chart", getComputedStyle(mark, "::before").backgroundColor, mark);
const plot = document.querySelector(".plot");
for (const dashed of plot ? ["", " d"] : []) {
  for (const kind of ["l", "b"]) {
    for (let colour = 1; colour <= 6; colour++) {
      const path = plot.appendChild(document.createElementNS(plot.namespaceURI, "path"));
      path.setAttribute("class", `${kind} s${colour}${dashed}`);
      isDrawnOn(path);
      path.remove();
    }
  }
}
if (coloursAlone) return [...faults];

// 3.1.1, 2.4.2, 4.1.1
if (!["en", "zh-CN"].includes(document.documentElement.lang)) tell("no language", document.documentElement);
if (!document.title.trim()) tell("no title");
const ids = all("[id]").map((element) => element.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) tell("an id twice, " + id);

// 1.3.1
const headings = all("h1, h2, h3, h4, h5, h6").filter((heading) => heading.checkVisibility());
if (headings.filter((heading) => heading.nodeName === "H1").length !== 1) tell("not one h1");
let level = 0;
for (const heading of headings) {
  const next = Number(heading.nodeName[1]);
  if (next > level + 1) tell("a heading skips from " + level, heading);
  level = next;
}

// 4.1.2, 3.3.2, 1.1.1
const named = (element) => {
  const by = (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
  const texts = [element.getAttribute("aria-label"), element.title, ...[...(element.labels || []), ...by].map((label) => label?.textContent)];
  return texts.some((text) => text?.trim());
};
for (const field of all("input:not([type=hidden]), select, textarea")) if (!named(field)) tell("a field without a label", field);
for (const control of all("a[href], button, summary").filter((control) => control.checkVisibility())) {
  if (!named(control) && !control.textContent.trim() && !control.querySelector("[alt]")) tell("nothing says what it does", control);
}
for (const image of all("img:not([alt])")) tell("an image without a text", image);
for (const drawing of all("svg")) {
  const told = drawing.closest("[role=img]");
  if (!drawing.closest("[aria-hidden=true]") && !(told && named(told))) tell("a drawing without a text", drawing);
}
for (const table of all("table")) if (!table.querySelector("th")) tell("a table without heads", table);

// 2.4.7: what changes where the keyboard is.
const focusable = all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")
  .filter((element) => isThere(element) && !isOff(element));
const look = (element) => [element, element.nextElementSibling, element.closest("label"), element.closest("label")?.querySelector("span")]
  .filter(Boolean).map((part) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(part);
    return outlineStyle === "none" ? boxShadow : [outlineStyle, outlineWidth, outlineColor, boxShadow].join();
  }).join("|");
const before = document.activeElement;
for (const element of focusable) {
  // A page whose last key was Tab shows where a script goes too.
  before.focus({ preventScroll: true });
  if (element === before) continue;
  const was = look(element);
  element.focus({ preventScroll: true, focusVisible: true });
  if (document.activeElement !== element) tell("cannot be reached", element);
  else if (look(element) === was) tell("focus is not seen", element);
}
before.focus({ preventScroll: true });

// 2.5.8: a target is 24 px wide and high, or has as much room around its middle, or stands within a sentence.
const targets = all("a[href], button, input:not([type=hidden]), select, textarea, summary").filter(isThere).map((element) => {
  const label = element.matches("[type=checkbox], [type=radio]") && element.labels?.[0];
  const [own, more] = [box(element), label ? box(label) : box(element)];
  const left = Math.min(own.left, more.left), right = Math.max(own.right, more.right);
  const top = Math.min(own.top, more.top), bottom = Math.max(own.bottom, more.bottom);
  const isSmall = right - left < 23.9 || bottom - top < 23.9;
  return { element, left, right, top, bottom, isSmall, x: (left + right) / 2, y: (top + bottom) / 2 };
});
const isInline = (element) => {
  const text = element.parentElement.closest("p, li, dd, dt, td, figcaption, summary, span, bdi") || element.parentElement;
  return getComputedStyle(element).display === "inline" && text.textContent.trim().length > element.textContent.trim().length;
};
for (const target of targets) {
  if (!target.isSmall || isOff(target.element) || isInline(target.element)) continue;
  const isNear = (other) => {
    if (other === target || other.element.contains(target.element) || target.element.contains(other.element)) return false;
    const x = Math.max(other.left - target.x, 0, target.x - other.right), y = Math.max(other.top - target.y, 0, target.y - other.bottom);
    const apart = other.isSmall ? Math.hypot(other.x - target.x, other.y - target.y) < 24 : false;
    return Math.hypot(x, y) < 12 || apart;
  };
  const near = targets.find(isNear);
  if (near) tell(`a target of ${Math.round(target.right - target.left)}×${Math.round(target.bottom - target.top)} px too near to ${near.element.outerHTML.slice(0, 60)}`, target.element);
}
return [...faults];
