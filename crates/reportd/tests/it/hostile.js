// What a page does with texts of strangers, each of which begins with a mark: what is wrong, and the texts as shown.
const MARK = /«\d\d»/, TURNS = /[\u202a-\u202e\u2066-\u2069]/;
const wrong = [], shown = [];
const tell = (what, element) => wrong.push(what + ": " + (element ? element.outerHTML.slice(0, 160) : ""));

if (window.pwned !== undefined) tell("a script of a stranger ran");
for (const script of document.scripts) {
  if (!script.src.startsWith(location.origin + "/console/static/")) tell("a strange script", script);
}
for (const element of document.querySelectorAll("*")) {
  for (const { name } of element.attributes) if (name.startsWith("on")) tell("an attribute that acts", element);
}
for (const image of document.images) {
  if (!image.src.startsWith("data:image/")) tell("a strange image", image);
}
if (TURNS.test(document.title)) tell("a title that turns");
for (const element of [document.documentElement, document.body, document.querySelector("main")]) {
  if (getComputedStyle(element).direction !== "ltr") tell("a page that is turned", element);
}

const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const parent = texts.currentNode.parentElement, text = texts.currentNode.nodeValue;
  if (!MARK.test(text) && !TURNS.test(text)) continue;
  // A field and each line of a list to choose from stand by themselves.
  const shut = parent.closest("option, textarea") || parent.closest("bdi, [dir=auto]");
  if (!shut) tell("a text that is not shut in", parent);
  else if (shut.matches("bdi, [dir]") && !/isolate|plaintext/.test(getComputedStyle(shut).unicodeBidi)) tell("not isolated", shut);
  else shown.push(shut.textContent);
}
for (const field of document.querySelectorAll("input, textarea")) if (MARK.test(field.value)) shown.push(field.value);

const clips = (element) => {
  for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
    if (getComputedStyle(at).overflowX !== "visible") return true;
  }
};
const room = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > room) tell("a page that is too wide by " + (document.documentElement.scrollWidth - room));
for (const element of document.body.querySelectorAll("*")) {
  const { left, right, width } = element.getBoundingClientRect();
  if (width && (right > room + 1 || left < 0 && !element.matches(".skip")) && !clips(element)) tell("beyond the window at " + Math.round(right), element);
}
return { wrong, shown };
