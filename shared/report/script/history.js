// When a user was covered and when not.

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
