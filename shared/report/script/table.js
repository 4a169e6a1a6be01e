// The table of users, and what opens below a row.

const columns = () => document.querySelectorAll("#users thead th:not([hidden])").length;

function draw() {
  $("rows").replaceChildren(...shown.map(line));
  const pages = Math.max(1, Math.ceil(found / query.size));
  const text = found ? counted("found", found, { page: number(query.page), pages: number(pages) }) : say("found_none");
  $("status").replaceChildren(text);
  $("status").classList.remove("failed");
  $("page").textContent = `${number(query.page)} / ${number(pages)}`;
  // A button that has the focus is not disabled under it: who goes on with the keyboard would lose their place.
  for (const [id, off] of [["previous", query.page <= 1], ["next", query.page >= pages]]) {
    $(id).setAttribute("aria-disabled", String(off));
  }
  for (const head of document.querySelectorAll("#users thead [data-sort]")) {
    if (head.dataset.sort === query.sort) head.setAttribute("aria-sort", query.descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  drawPicked();
}

function line(row) {
  const box = make("input", { type: "checkbox", "aria-label": say("select", { user: called(row) }) });
  box.checked = picked.has(row.id);
  box.addEventListener("change", () => pick([row], box.checked));
  const open = make("button", { type: "button", class: "open", "aria-expanded": "false" },
    icon("chevron"),
    make("span", {}, make("bdi", { class: "name" }, called(row)), make("bdi", { class: "upn" }, row.upn)));
  open.title = say("open", { user: called(row) });
  const state = make("span", { class: `state c-${row.state}` }, row.state_text);
  const level = row.kinds.length
    ? make("span", { class: `level s-${row.severity}` }, icon({ high: "alert", medium: "warn", low: "info" }[row.severity]),
      make("span", {}, words.severities[row.severity]))
    : "";
  const tr = make("tr", { class: "row", "data-id": row.id },
    make("td", { class: "pick" }, box),
    make("th", { scope: "row" }, open),
    make("td", {}, state),
    make("td", { class: "second" }, row.cause_text),
    make("td", {}, level),
    make("td", { class: "second nowrap" }, row.since ? day(row.since) : ""));
  withTitles(tr, titles);
  open.addEventListener("click", () => toggle(tr, open, row));
  return tr;
}

function toggle(tr, open, row) {
  const isOpen = open.getAttribute("aria-expanded") === "true";
  open.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) tr.nextElementSibling.remove();
  else tr.after(withTitles(make("tr", { class: "detail" }, make("td", { colspan: columns() }, details(row))), []));
}

function details(row) {
  const facts = [
    ["state", row.state_text], ["finding", row.kinds_text], ["cause", row.cause_text], ["rule", row.rule],
    ["since", row.since ? day(row.since) : ""], ["skus", row.skus.join(", ") || say("skus_none")],
    ["synced", say(row.synced ? "yes" : "no")], ["others", row.others_text], ["excepted", row.excepted], ["id", row.id],
  ];
  const list = make("dl", {}, ...facts.filter(([, value]) => value).map(([key, value]) =>
    make("div", {}, make("dt", {}, say(key)), make("dd", {}, make("bdi", {}, value)))));
  const remedy = row.remedy.length
    ? make("ol", {}, ...row.remedy.map((step) => make("li", {}, step)))
    : make("p", { class: "faint" }, say("remedy_none"));
  const history = make("div", { class: "history", "aria-live": "polite" });
  tell(history, row);
  return make("div", { class: "columns" },
    make("div", {}, list),
    make("div", {}, make("h4", {}, say("remedy")), remedy, make("h4", {}, say("history")), history));
}
