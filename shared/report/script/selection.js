// Who is selected, and the commands that agree an exception for them.

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
