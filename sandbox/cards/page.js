// Draws cards with Microsoft's renderer, one after the other, and says what came of each. Called by drawing.py.
"use strict";

// Teams shows a part of Markdown; here all of it works, and addresses become links, so that a name which is
// harmless here is harmless there. HTML is text, as in Teams.
const markdown = window.markdownit({ html: false, linkify: true });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });

const pressed = [];
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = markdown.render(text);
  result.didProcess = true;
};
AdaptiveCards.AdaptiveCard.onExecuteAction = (action) => pressed.push([action.title ?? "", action.url ?? ""]);

// The tags of an element and of all within it, such as "div(p strong(b))".
function tree(element) {
  const inside = [...element.children].map(tree).join(" ");
  const tag = element.tagName.toLowerCase();
  return inside ? `${tag}(${inside})` : tag;
}

// What its own place hides at the side, and text that reaches out of its column or out of the card.
function cutOff(frame) {
  const hidden = [frame, ...frame.querySelectorAll("*")]
    .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
    .filter((one) => getComputedStyle(one).overflowX !== "visible")
    .map((one) => `${one.tagName.toLowerCase()}: ${one.innerText.slice(0, 60)}`);
  const range = document.createRange();
  const texts = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const place = (texts.currentNode.parentElement.closest(".ac-columnSet > *") ?? frame).getBoundingClientRect();
    range.selectNodeContents(texts.currentNode);
    const outside = [...range.getClientRects()].some(
      (one) => one.width > 0 && (one.left < place.left - 1 || one.right > place.right + 1),
    );
    if (outside) hidden.push(`text: ${texts.currentNode.data.slice(0, 60)}`);
  }
  return hidden;
}

function isShown(element) {
  return element instanceof HTMLElement && element.checkVisibility() && element.offsetHeight > 0;
}

// Whether people can select it and see each sign as wide as the next, as what is to be copied should be.
function isTyped(element) {
  const style = getComputedStyle(element);
  return style.fontFamily.includes("monospace") && style.userSelect !== "none";
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

// One card on the empty page, and all that can be seen of it.
async function drawOne(content, hostConfig) {
  const frame = document.getElementById("card");
  frame.replaceChildren();
  pressed.length = 0;

  // The renderer checks `lang` by a regular expression that remembers where it stopped, and so would refuse the
  // language of every other card.
  AdaptiveCards.CardElement.langProperty.regEx.lastIndex = 0;
  const context = new AdaptiveCards.SerializationContext();
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = hostConfig;
  card.parse(content, context);
  const events = Array.from({ length: context.eventCount }, (_, n) => context.getEventAt(n));
  events.push(...card.validateProperties().validationEvents);
  const drawn = card.render();
  if (drawn) frame.append(drawn);

  const items = Array.from({ length: card.getItemCount() }, (_, n) => card.getItemAt(n).renderedElement);
  const buttons = [...frame.querySelectorAll("button")];
  buttons.forEach((button) => button.click());
  // A picture takes its place once it is there; text does so at once, and is not waited for.
  if (frame.querySelector("img")) await turn();
  const cells = (row) => [".ac-fact-title", ".ac-fact-value"].map((name) => row.querySelector(name).innerText);
  const columns = (row) => [...row.children].filter(isShown).map((column) => column.innerText).filter(Boolean);
  return {
    complaints: events.map((event) => `${AdaptiveCards.ValidationEvent[event.event]}: ${event.message}`),
    text: frame.innerText,
    blocks: items.filter(isShown).map((element) => element.innerText),
    facts: [...frame.querySelectorAll(".ac-factset tr")].filter(isShown).map(cells),
    rows: [...frame.querySelectorAll(".ac-columnSet")].filter(isShown).map(columns),
    typed: items.filter(isShown).filter(isTyped).map((element) => element.innerText),
    buttons: buttons.filter(isShown).map((button) => button.innerText),
    opened: [...pressed],
    anchors: [...frame.querySelectorAll("a, area, form, iframe")].map((one) => one.outerHTML.slice(0, 200)),
    tree: tree(frame),
    scrolls: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    cut_off: cutOff(frame),
  };
}

window.drawCards = async (contents, hostConfig, style) => {
  document.getElementById("look").textContent = style;
  const config = new AdaptiveCards.HostConfig(hostConfig);
  const told = [];
  for (const content of contents) told.push(await drawOne(content, config));
  // Whatever a card loads is asked for by now; a turn of the loop lets it be heard of.
  await turn();
  return told;
};

// A PNG's width, height and RGBA bytes; bytes come and go as base64.
window.pixelsOf = async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const bytes = pen.getImageData(0, 0, image.width, image.height).data;
  let signs = "";
  for (let at = 0; at < bytes.length; at += 32768) signs += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [image.width, image.height, btoa(signs)];
};
