// Returns a message as an element: a text, HTML, a card, a file or a new topic.

import {image, link, safeHtml} from "./safe_html.js";

const COLORS = ["yellow", "green", "red", "purple", "gray"];
const LOZENGES = {"lozenge-success": "green", "lozenge-error": "red", "lozenge-current": "yellow",
  "lozenge-complete": "purple", "lozenge-moved": "purple"};

export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...content);
  return element;
}

export function messageElement(message, repliedTo) {
  const face = make("span", "face", message.who.charAt(0).toUpperCase());
  face.ariaHidden = "true";
  face.style.setProperty("--hue", hue(message.who));
  const time = make("time", "", new Date(message.when).toLocaleTimeString(
    [], {hour: "2-digit", minute: "2-digit"}));
  time.dateTime = message.when;
  const article = make("article", "", face, make("span", "who", message.who), time, what(message));
  if (repliedTo) {
    article.lastChild.prepend(make("div", "quote", repliedTo.who + ": " + repliedTo.what));
  }
  return article;
}

function what(message) {
  if (message.type === "topic") {
    return make("div", "what event", "changed the topic to: " + message.what);
  }
  const isHtml = message.format === "html";
  const element = make("div", isHtml ? "what html" : "what", content(message, isHtml));
  if (message.color) {
    // For "random", HipChat chooses the color.
    const color = message.color === "random" ? COLORS[hue(message.id) % 5] : message.color;
    element.classList.add("color", color);
  }
  return element;
}

function content(message, isHtml) {
  if (message.card) {
    return cardElement(message.card);
  }
  const text = isHtml ? safeHtml(message.what) : linked(message.what);
  if (message.file) {
    const file = make("div", "", "📎 ", link(message.file.name, message.file.url),
      " (" + message.file.size + " bytes)");
    return make("div", "", text, file);
  }
  return text;
}

function linked(text) {
  const fragment = document.createDocumentFragment();
  for (const part of text.split(/(https?:\/\/[^\s<>"]+)/)) {
    fragment.append(/^https?:/.test(part) ? link(part, part) : part);
  }
  return fragment;
}

function cardElement(card) {
  const element = make("div", "card", make("h3", "", link(card.title, card.url)));
  if (card.activity) {
    element.prepend(make("div", "", safeHtml(card.activity.html)));
  }
  if (card.thumbnail) {
    element.append(image(card.thumbnail.url, ""));
  }
  if (card.description) {
    element.append(make("div", "", description(card.description)));
  }
  if (card.attributes) {
    element.append(make("dl", "", ...card.attributes.map(attribute)));
  }
  return element;
}

function description(value) {
  return value.format === "html" ? safeHtml(value.value) : linked(value.value || String(value));
}

function attribute({label, value}) {
  const text = value.url ? link(value.label, value.url) : value.label;
  const shown = value.style ?
    make("span", "lozenge " + (LOZENGES[value.style] || "gray"), text) : text;
  return make("div", "", make("dt", "", label || ""), make("dd", "", shown));
}

function hue(text) {
  return [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
}
