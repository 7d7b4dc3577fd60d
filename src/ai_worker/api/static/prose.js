// Shows plain Markdown (paragraphs, lists, bold, links) by making nodes, never by parsing HTML:
// whatever a text contains, it stays text.

const INLINE = /\*\*([^*\n]+)\*\*|\[([^\]\n]+)\]\((https?:\/\/[^\s()]+)\)|(https?:\/\/[^\s<>"'，。；、）)]+)/g;
const BULLET = /^\s*[-*•]\s+(.*)$/;
const NUMBER = /^\s*(\d{1,3})[.)、]\s*(.*)$/;

export function prose(text) {
  const shown = document.createDocumentFragment();
  let list = null;
  let paragraph = null;
  for (const line of text.split("\n")) {
    const bullet = BULLET.exec(line);
    const number = bullet ? null : NUMBER.exec(line);
    if (bullet || number) {
      const tag = bullet ? "ul" : "ol";
      if (!list || list.localName !== tag) {
        list = shown.appendChild(document.createElement(tag));
        if (number) list.start = Number(number[1]);
      }
      list.appendChild(document.createElement("li")).append(...inline(bullet ? bullet[1] : number[2]));
      paragraph = null;
    } else if (line.trim() === "") {
      list = paragraph = null;
    } else {
      list = null;
      if (paragraph) paragraph.append(document.createElement("br"));
      else paragraph = shown.appendChild(document.createElement("p"));
      paragraph.append(...inline(line));
    }
  }
  return shown;
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, match.index));
    const [whole, bold, label, target, bare] = match;
    nodes.push(bold ? strong(bold) : link(label ?? bare, target ?? bare));
    end = match.index + whole.length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

function strong(text) {
  const node = document.createElement("strong");
  node.textContent = text;
  return node;
}

function link(label, target) {
  const node = document.createElement("a");
  node.textContent = label;
  node.href = target;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}
