// What the page was given, its words, and how elements are made.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const $ = (id) => document.getElementById(id);
const settings = read("settings");
const words = settings.words;
const root = document.documentElement;

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
