// What people do, and what comes of it. The last part: it begins everything.

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
