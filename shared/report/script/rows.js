// The users to act on: those the page holds, and those it has to ask for.

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
