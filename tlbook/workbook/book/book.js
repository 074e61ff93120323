// What a page can do: colours, contents on a phone, copying, sorting, search. No library.
"use strict";
const root = document.documentElement;
const one = (selector, inside = document) => inside.querySelector(selector);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Colours: the system's, or the reader's own choice, which is remembered in every open page.
const themes = ["system", "light", "dark"];
const themeButton = one(".theme");
function showTheme(choice) {
  if (choice === "system") delete root.dataset.theme;
  else root.dataset.theme = choice;
  one(".choice", themeButton).textContent = `: ${choice}`;
  themeButton.setAttribute("aria-label", `Colours: ${choice}. Change`);
}
themeButton.addEventListener("click", () => {
  const place = themes.indexOf(root.dataset.theme || "system");
  const next = themes[(place + 1) % themes.length];
  try {
    if (next === "system") localStorage.removeItem("tlbook-theme");
    else localStorage.setItem("tlbook-theme", next);
  } catch { /* nothing can be stored here */ }
  showTheme(next);
});
window.addEventListener("storage", ({ key, newValue }) => {
  if (key === "tlbook-theme") showTheme(newValue || "system");
});
showTheme(root.dataset.theme || "system");

// Contents on a narrow screen.
const menu = one(".menu");
function showContents(open) {
  one(".contents").classList.toggle("open", open);
  menu.setAttribute("aria-expanded", String(open));
}
menu.addEventListener("click", () => showContents(menu.getAttribute("aria-expanded") === "false"));
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || menu.getAttribute("aria-expanded") === "false") return;
  showContents(false);
  menu.focus();
});
one(".contents a[aria-current]")?.scrollIntoView({ block: "nearest" });

// Copying a cell. Where the clipboard is closed to pages, an older way still works.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copying is not allowed here");
  }
}
for (const cell of all(".code")) {
  const button = element("button", { type: "button", className: "copy", textContent: "Copy" });
  button.setAttribute("aria-label", "Copy this cell");
  button.addEventListener("click", async () => {
    try {
      await copy(one("pre", cell).textContent.trimEnd() + "\n");
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy by hand";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  cell.append(button);
}

// A formula in the running text that is wider than a phone gets a box of its own to scroll in.
for (const formula of all("main math[display='inline']")) {
  if (formula.getBoundingClientRect().width <= formula.closest("p, li, td, dd, div").clientWidth) continue;
  const box = element("span", { className: "formula" });
  formula.replaceWith(box);
  box.append(formula);
}

// What is wider than its box can be scrolled by keyboard, too.
for (const box of all(".scroll, .formula, .output_area, pre")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}

// Sorting tables by a click on a column's name.
function sortBy(table, column, head) {
  const falling = head.getAttribute("aria-sort") === "ascending";
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const rows = [...table.tBodies[0].rows].sort((a, b) => compare(value(a), value(b)));
  if (falling) rows.reverse();
  all("th", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
}
for (const table of all("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = element("button", { type: "button", title: "Sort by this column" });
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, column, head));
    head.append(button);
  });
}

// The section being read is marked in the outline.
const outlined = new Map(all(".outline a").map((link) => [link.hash.slice(1), link]));
if (outlined.size) {
  const headings = [...outlined.keys()].map((id) => document.getElementById(id));
  const mark = () => {
    const read = headings.findLast((heading) => heading.getBoundingClientRect().top < 120);
    outlined.forEach((link, id) => link.classList.toggle("here", read?.id === id));
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

// Search: every word must occur in a section; headings count more than prose, prose than code.
const dialog = one("#search"), query = one("#query"), hits = one("#hits"), count = one("#count");
const MOST = 20;
let index;

function score(section, words) {
  const [page, , heading, text, names] = section;
  const fields = [[heading, 8], [index.pages[page][1], 4], [text, 2], [names, 1]];
  let sum = 0;
  for (const word of words) {
    const found = fields.filter(([field]) => field.toLowerCase().includes(word));
    if (!found.length) return 0;
    for (const [field, weight] of found) {
      const place = field.toLowerCase().indexOf(word);
      const starts = place === 0 || /[^\p{L}\p{N}]/u.test(field[place - 1]);
      sum += starts ? weight : weight / 2;
    }
  }
  return sum;
}

function marked(text, words) {
  const plain = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.split(new RegExp(`(${plain.join("|")})`, "giu"));
  return parts.map((part, place) => (place % 2 ? element("mark", {}, part) : part));
}

function snippet(text, words) {
  const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0);
  const near = places.length ? Math.max(0, Math.min(...places) - 60) : 0;
  const from = near ? text.indexOf(" ", near) + 1 : 0;
  const to = text.length > from + 170 ? text.lastIndexOf(" ", from + 170) : text.length;
  return `${from ? "… " : ""}${text.slice(from, to > from ? to : from + 170)}${to < text.length ? " …" : ""}`;
}

function look() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = words.length
    ? index.sections.map((section) => [score(section, words), section])
    : [];
  const found = scored.filter(([points]) => points > 0).sort(([a], [b]) => b - a);
  hits.replaceChildren(...found.slice(0, MOST).map(([, [page, anchor, heading, text]]) => {
    const [file, title] = index.pages[page];
    const link = element("a", { href: `${file}#${anchor}` });
    link.append(...marked(heading, words));
    if (title !== heading) link.append(element("small", {}, title));
    link.append(element("small", {}, ...marked(snippet(text, words), words)));
    link.addEventListener("click", () => dialog.close());
    return element("li", {}, link);
  }));
  const more = found.length > MOST ? `, the best ${MOST} are shown` : "";
  const sections = found.length === 1 ? "1 section" : `${found.length} sections`;
  count.textContent = words.length ? `${sections}${more}` : "";
}

function openSearch() {
  index ??= JSON.parse(one("#index").textContent);
  dialog.showModal();
  query.select();
}
one(".find").addEventListener("click", openSearch);
one(".close").addEventListener("click", () => dialog.close());
query.addEventListener("input", look);
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  const links = all("a", hits), place = links.indexOf(document.activeElement);
  if (event.key === "Enter" && event.target === query) links[0]?.click();
  if (event.key === "ArrowDown") (links[place + 1] ?? links[0])?.focus();
  if (event.key === "ArrowUp") (place > 0 ? links[place - 1] : query).focus();
  if (event.key === "ArrowDown" || event.key === "ArrowUp") event.preventDefault();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "/" && !typing && !dialog.open) { event.preventDefault(); openSearch(); }
});
