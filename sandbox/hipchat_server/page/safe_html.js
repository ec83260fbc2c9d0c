// Copies HTML from chat, with the elements and attributes that are allowed here only.

const TAGS = new Set(["A", "B", "BLOCKQUOTE", "BR", "CODE", "DD", "DL", "DT", "EM", "I", "IMG",
  "LI", "OL", "P", "PRE", "STRONG", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR", "U", "UL"]);
const WITHOUT_CONTENT = new Set(["SCRIPT", "STYLE", "TEMPLATE", "TITLE", "NOSCRIPT", "IFRAME",
  "OBJECT", "SVG", "MATH", "TEXTAREA"]);

export function safeUrl(text, protocols = ["http:", "https:"]) {
  try {
    const url = new URL(text);
    return protocols.includes(url.protocol) ? url.href : null;
  } catch (error) {
    return null;
  }
}

export function safeHtml(html) {
  return copies(new DOMParser().parseFromString(html, "text/html").body);
}

export function link(text, href) {
  const url = safeUrl(href, ["http:", "https:", "mailto:"]);
  const element = document.createElement(url ? "a" : "span");
  if (url) {
    Object.assign(element, {href: url, target: "_blank", rel: "noopener noreferrer"});
  }
  element.append(text);
  return element;
}

export function image(src, alt) {
  const url = safeUrl(src);
  return url ? Object.assign(document.createElement("img"), {src: url, alt}) : alt;
}

function copies(parent) {
  const fragment = document.createDocumentFragment();
  for (const node of parent.childNodes) {
    fragment.append(copy(node));
  }
  return fragment;
}

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) {
    return node.data;
  }
  if (node.nodeType !== Node.ELEMENT_NODE || WITHOUT_CONTENT.has(node.nodeName.toUpperCase())) {
    return "";
  }
  if (node.nodeName === "A") {
    return link(copies(node), node.getAttribute("href"));
  }
  if (node.nodeName === "IMG") {
    return image(node.getAttribute("src"), node.getAttribute("alt") || "");
  }
  if (!TAGS.has(node.nodeName)) {
    return copies(node);
  }
  const element = document.createElement(node.nodeName);
  element.append(copies(node));
  return element;
}
