// The table as it is printed.

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
