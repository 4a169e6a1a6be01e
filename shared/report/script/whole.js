// What concerns the page as a whole: its theme, its links, printing.

// A page from a file may not be allowed to keep anything: then the choice lasts as long as the page.
function remembered(value) {
  try {
    if (value) localStorage.setItem("sspr-report-theme", value);
    return localStorage.getItem("sspr-report-theme");
  } catch {
    return value;
  }
}

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => $("theme").setAttribute("aria-pressed", String(isDark()));
  const kept = remembered();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  $("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}

// A served page that somebody saved has nobody to ask any more: it does with what it holds.
const isFile = location.protocol === "file:";
const canAsk = Boolean(settings.rowsUrl) && !isFile;
// On a narrow screen each row is a block, and each cell has its title beside it (page.css). What is displayed as
// a block is no table any more to who listens, unless it is said to be one.
function withTitles(tr, titles) {
  tr.setAttribute("role", "row");
  [...tr.cells].forEach((cell, n) => {
    cell.setAttribute("role", cell.scope === "row" ? "rowheader" : "cell");
    if (n && titles[n]) cell.dataset.title = titles[n];
  });
  return tr;
}

const titlesOf = (table) => [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());

function startStacking(table) {
  const titles = titlesOf(table);
  if (titles.length < 4) return;
  table.classList.add("stacks");
  table.setAttribute("role", "table");
  for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
  table.tHead.rows[0].setAttribute("role", "row");
  for (const cell of table.tHead.rows[0].cells) cell.setAttribute("role", "columnheader");
  for (const body of table.tBodies) for (const tr of body.rows) withTitles(tr, titles);
}

const narrow = matchMedia("(max-width: 600px)").matches;
document.querySelectorAll("table").forEach(startStacking);
for (const node of document.querySelectorAll(".scripted")) node.hidden = false;
for (const node of document.querySelectorAll(".asks")) node.hidden = isFile;
for (const node of document.querySelectorAll(".unscripted")) node.hidden = true;
startTheme();
$("print").addEventListener("click", () => print());
// Where nobody is to act on there is no table, and with it all that follows is left out.
if (!$("users")) return;
