"use strict";
// The table of users: search, filters, sorting, pages, details, selection. What comes from a tenant is only ever
// put on the page as text. Where the page does not hold all rows, the server searches and sorts.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const $ = (id) => document.getElementById(id);
  const settings = read("settings");
  const words = settings.words;
  const root = document.documentElement;

  // --- words ---------------------------------------------------------------------------------------------------

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? values[name] : place));
  const say = (key, values = {}) => fill(words[key], values);
  const number = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, words.format.thousands);
  const counted = (key, count, values = {}) =>
    count === 1 ? say(`${key}_one`, values) : say(key, { n: number(count), ...values });

  function day(time) {
    const [year, month, date] = time.slice(0, 10).split("-").map(Number);
    return fill(words.format.day, { day: date, month: words.months[month - 1], year });
  }

  function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === true) node.setAttribute(key, "");
      else if (value !== false && value !== null) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }

  // --- the whole page ------------------------------------------------------------------------------------------

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
  if (!$("users")) return;

  // --- rows ----------------------------------------------------------------------------------------------------

  function unpacked(packed) {
    const own = packed.fields.length - packed.shared.length;
    return packed.rows.map((row) =>
      Object.fromEntries(packed.fields.map((name, n) => [name, n < own ? row[n] : packed.values[row[n]]])));
  }

  const held = unpacked(read("packed"));
  const holdsAll = !canAsk || held.length >= settings.total;
  const titles = titlesOf($("users"));
  const query = { text: "", states: "", kinds: "", severity: "", sort: "", descending: false, page: 1, size: settings.size };
  if (narrow) query.size = 25;
  $("size").value = query.size;
  const picked = new Map();
  let shown = [];
  let found = settings.total;
  let asking = null;

  const GRAVITY = { high: 0, medium: 1, low: 2 };
  const STATES = ["covered", "uncovered", "writeback-uncovered", "undetermined", "not-in-reach"];
  const called = (row) => row.name || row.upn || row.id;
  const KEYS = {
    name: (row) => (row.name || row.upn).toLowerCase(),
    state: (row) => STATES.indexOf(row.state),
    severity: (row) => (row.kinds.length ? 0 : 10) + GRAVITY[row.severity],
    since: (row) => row.since || "9999",
  };

  function fits(row) {
    const text = query.text.toLowerCase();
    return (!query.states || row.state === query.states)
      && (!query.severity || row.severity === query.severity)
      && (!query.kinds || (query.kinds === "differing" ? row.others_text !== "" : row.kinds.includes(query.kinds)))
      && (!text || [row.name, row.upn, row.id].some((one) => one.toLowerCase().includes(text)));
  }

  function inOrder(rows) {
    if (!query.sort) return rows;
    const key = KEYS[query.sort];
    const sign = query.descending ? -1 : 1;
    return rows
      .map((row) => [key(row), row])
      .sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0))
      .map(([, row]) => row);
  }

  const isFiltered = () => Boolean(query.text || query.states || query.kinds || query.severity);
  const isAsked = () => isFiltered() || Boolean(query.sort);

  async function wanted(signal) {
    const begin = (query.page - 1) * query.size;
    if (holdsAll) {
      const rows = inOrder(held.filter(fits));
      return { total: rows.length, rows: rows.slice(begin, begin + query.size) };
    }
    if (!isAsked() && begin + query.size <= held.length) {
      return { total: settings.total, rows: held.slice(begin, begin + query.size) };
    }
    const address = new URL(settings.rowsUrl, location.href);
    for (const [name, value] of Object.entries(query)) {
      if (value !== "" && value !== false) address.searchParams.set(name, value);
    }
    const answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    return answer.json();
  }

  async function look() {
    asking?.abort();
    const mine = (asking = new AbortController());
    const region = document.querySelector(".users");
    if (!holdsAll) {
      region.classList.add("busy");
      region.setAttribute("aria-busy", "true");
    }
    try {
      const answer = await wanted(mine.signal);
      if (mine.signal.aborted) return;
      shown = answer.rows;
      found = answer.total;
      draw();
    } catch (fault) {
      if (fault.name === "AbortError" || mine.signal.aborted) return;
      const again = make("button", { type: "button" }, say("again"));
      again.addEventListener("click", look);
      $("status").replaceChildren(say("failed"), again);
      $("status").classList.add("failed");
    }
    region.classList.remove("busy");
    region.removeAttribute("aria-busy");
  }

  // --- the table -----------------------------------------------------------------------------------------------

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

  // --- paper ---------------------------------------------------------------------------------------------------

  // More rows than these make a browser slow, and a pile that nobody reads.
  const MOST_PRINTED = 5000;

  // What is opened on the screen stays open, on paper and after.
  function put(rows) {
    const here = new Map();
    for (const tr of document.querySelectorAll("#rows tr.row")) {
      const next = tr.nextElementSibling;
      here.set(tr.dataset.id, next?.classList.contains("detail") ? [tr, next] : [tr]);
    }
    $("rows").replaceChildren(...rows.flatMap((row) => here.get(row.id) ?? [line(row)]));
  }

  // All who fit the filters, not only one page of them; who is not here is said to be missing.
  function toPaper() {
    const known = new Set(held.map((row) => row.id));
    const here = inOrder([...held, ...shown.filter((row) => !known.has(row.id))].filter(fits));
    const all = isFiltered() ? Math.max(found, here.length) : settings.total;
    const rows = here.slice(0, MOST_PRINTED);
    const key = rows.length < all ? "printed_part" : isFiltered() ? "printed_fit" : "printed";
    $("printed").textContent = say(key, {
      n: number(rows.length),
      all: number(key === "printed_fit" ? settings.total : all),
      filter: filterText(),
    });
    put(rows);
  }

  function fromPaper() {
    put(shown);
    drawPicked();
  }

  const filterText = () => [
    query.text && `“${query.text}”`,
    ...["state", "kind", "severity"].filter((id) => $(id).value).map((id) => $(id).selectedOptions[0].textContent),
  ].filter(Boolean).join(", ");

  // --- a user's history ----------------------------------------------------------------------------------------

  async function tell(place, row) {
    const sentence = (text) => place.replaceChildren(make("p", { class: "faint" }, text));
    if (!settings.userUrl || isFile) return sentence(say("history_file"));
    sentence(say("loading"));
    try {
      const address = new URL(settings.userUrl, location.href);
      address.searchParams.set("id", row.id);
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      const { episodes, whole } = await answer.json();
      if (!episodes.length) return sentence(say("history_none"));
      place.replaceChildren(make("ul", {}, ...episodes.map(episode)));
      if (whole === false) place.append(make("p", { class: "faint" }, say("history_cut")));
      return place;
    } catch {
      return sentence(say("history_failed"));
    }
  }

  function episode(one) {
    const values = { what: one.text, begin: day(one.from), end: one.to ? day(one.to) : "" };
    const more = [one.cause_text, one.ended_text, one.first_reading ? say("first_reading") : ""].filter(Boolean);
    const item = make("li", {}, say(one.to ? "from_to" : "from_on", values));
    if (more.length) item.append(make("br"), make("span", { class: "faint" }, more.join(" · ")));
    return item;
  }

  // --- selection and exceptions --------------------------------------------------------------------------------

  const MOST_COMMANDS = 5;

  function pick(rows, on) {
    for (const row of rows) {
      if (on) picked.set(row.id, row);
      else picked.delete(row.id);
    }
    drawPicked();
  }

  function drawPicked() {
    for (const tr of document.querySelectorAll("#rows tr.row")) {
      const on = picked.has(tr.dataset.id);
      tr.classList.toggle("picked", on);
      tr.querySelector("input").checked = on;
    }
    const here = shown.filter((row) => picked.has(row.id)).length;
    $("pick-all").checked = here > 0 && here === shown.length;
    $("pick-all").indeterminate = here > 0 && here < shown.length;
    $("selection").hidden = picked.size === 0;
    $("picked-bar").hidden = picked.size === 0;
    $("picked-count").textContent = counted("selected", picked.size);
    $("selected").textContent = number(picked.size);
    if (picked.size) drawKinds();
    drawCommands();
  }

  function drawKinds() {
    const chosen = $("of-kind").value;
    const kinds = [...new Set([...picked.values()].flatMap((row) => row.kinds))].sort();
    $("of-kind").replaceChildren(
      ...kinds.map((kind) => make("option", { value: kind }, words.kinds[kind] ?? kind)),
      make("option", { value: "" }, say("every_kind")));
    if (kinds.includes(chosen)) $("of-kind").value = chosen;
  }

  // Into a command goes nothing that any shell would take for more than text. To PowerShell, typographic
  // quotation marks are quotation marks.
  const quoted = (text, otherwise) =>
    `"${text.replace(/["\u201c-\u201f\\$`%!\n\r]/g, "").trim() || otherwise}"`;
  const typed = () => ({
    kind: $("of-kind").value,
    until: $("until").value || settings.until,
    owner: $("owner").value.trim(),
    reason: $("why").value.trim(),
  });

  function command(row) {
    const { kind, until, owner, reason } = typed();
    const ofKind = kind ? ` --kind ${kind}` : "";
    return `python -m admin exception add --user ${row.id}${ofKind} --until ${until}`
      + ` --owner ${quoted(owner, "you")} --reason ${quoted(reason, "why")}`;
  }

  function drawCommands() {
    const many = picked.size > MOST_COMMANDS;
    $("many").hidden = !many;
    $("commands").textContent = many
      ? "python -m admin exception import exceptions.csv"
      : [...picked.values()].map(command).join("\n");
  }

  // A cell that begins like a formula would be one in a spreadsheet; the import takes the apostrophe off again.
  function cell(text) {
    const line = text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
    return `"${(/^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(line) ? `'${line}` : line).replace(/"/g, '""')}"`;
  }

  function list() {
    const { kind, until, owner, reason } = typed();
    const lines = [...picked.values()].map((row) => [row.id, row.upn, kind, until, owner, reason]);
    return "\ufeff" + [["user", "upn", "kind", "until", "owner", "reason"], ...lines]
      .map((one) => one.map(cell).join(",") + "\r\n").join("");
  }

  function download() {
    const address = URL.createObjectURL(new Blob([list()], { type: "text/csv;charset=utf-8" }));
    make("a", { href: address, download: "exceptions.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText($("commands").textContent);
      $("copied").textContent = say("copied");
    } catch {
      getSelection().selectAllChildren($("commands"));
      $("copied").textContent = say("not_copied");
    }
  }

  // --- what people do ------------------------------------------------------------------------------------------

  function ask(change) {
    Object.assign(query, { page: 1 }, change);
    showCsv();
    return look();
  }

  // The server's CSV has what the filters leave. A file beside this one has all.
  function showCsv() {
    const link = $("csv");
    if (!link || !canAsk) return;
    const address = new URL(link.href);
    for (const name of ["text", "states", "kinds", "severity"]) {
      if (query[name]) address.searchParams.set(name, query[name]);
      else address.searchParams.delete(name);
    }
    link.href = address;
  }

  function startSorting(head) {
    const button = make("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const again = query.sort === head.dataset.sort;
      ask({ sort: head.dataset.sort, descending: again && !query.descending });
    });
  }

  function startFilters() {
    let waiting = 0;
    $("text").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => ask({ text: $("text").value.trim() }), holdsAll ? 120 : 250);
    });
    for (const [id, name] of [["state", "states"], ["kind", "kinds"], ["severity", "severity"]]) {
      $(id).addEventListener("change", () => ask({ [name]: $(id).value }));
    }
    $("filters").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(waiting);
      ask({ text: $("text").value.trim() });
    });
    $("filters").addEventListener("reset", () => {
      clearTimeout(waiting);
      ask({ text: "", states: "", kinds: "", severity: "", sort: "", descending: false });
    });
  }

  function startPages() {
    const turn = (by) => {
      const page = query.page + by;
      if (page >= 1 && page <= Math.ceil(found / query.size)) ask({ page });
    };
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
    $("size").addEventListener("change", () => ask({ size: Number($("size").value) }));
  }

  function startSelection() {
    $("pick-all").addEventListener("change", () => pick(shown, $("pick-all").checked));
    $("nobody").addEventListener("click", () => pick([...picked.values()], false));
    $("until").value = settings.until;
    $("until").max = settings.latest;
    for (const id of ["of-kind", "until", "owner", "why"]) $(id).addEventListener("input", drawCommands);
    $("exception").addEventListener("submit", (event) => event.preventDefault());
    $("copy").addEventListener("click", copy);
    $("download").addEventListener("click", download);
    $("agree").hidden = settings.hashed;
    $("no-ids").hidden = !settings.hashed;
  }

  function showHeld() {
    const values = { n: number(held.length), all: number(settings.total) };
    $("held").hidden = !settings.rowsUrl || canAsk || held.length >= settings.total;
    $("held").querySelector("span").textContent = say("held", values);
  }

  function showDiffering() {
    $("filters").reset();
    $("kind").value = "differing";
    ask({ kinds: "differing" });
    $("act").scrollIntoView();
    $("kind").focus({ preventScroll: true });
  }

  document.querySelectorAll("#users thead [data-sort]").forEach(startSorting);
  document.querySelectorAll(".show-differ").forEach((one) => one.addEventListener("click", showDiffering));
  startFilters();
  startPages();
  startSelection();
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", fromPaper);
  showHeld();
  look();
})();
