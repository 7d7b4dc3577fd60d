// The web chat page. What the visitor writes is kept in the browser until the server has it on disk.

import { bringer, filed } from "./files.js";
import { prose } from "./prose.js";

const { path, channel, name, words: rawWords } = document.body.dataset;
const words = JSON.parse(rawWords);
const log = document.getElementById("log");
const offline = document.getElementById("offline");
const form = document.getElementById("composer");
const field = document.getElementById("text");

const PLACE = `ai-worker.chat.${channel}`;
const FIRST_WAIT = 500; // milliseconds
const LONGEST_WAIT = 30_000;
const OFFLINE_AFTER = 1_500; // a short break needs no banner
const MOST_RATED = 50; // answers whose rating the browser remembers

let socket = null;
let attempts = 0;
let retry = 0;
let banner = 0;
let memory = { token: null, unsent: [], rated: [] };
const pieces = new Map(); // turn -> the answer that is being written

const bringing = bringer(document.getElementById("files"), document.getElementById("brought"), {
  words,
  address: `/chat/${path}/files`,
  token: () => memory.token,
});

// What the browser remembers. A page inside another site may have no storage: then it forgets.

function recall() {
  try {
    memory = { ...memory, ...JSON.parse(localStorage.getItem(PLACE) ?? "{}") };
  } catch {
    return;
  }
}

function remember() {
  try {
    localStorage.setItem(PLACE, JSON.stringify(memory));
  } catch {
    return;
  }
}

// The connection

function connect() {
  clearTimeout(retry);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opening = new WebSocket(`${scheme}://${location.host}/chat/${path}/ws`);
  socket = opening;
  opening.onopen = () => send({ type: "hello", token: memory.token });
  opening.onmessage = (event) => hear(JSON.parse(event.data));
  opening.onclose = () => {
    if (socket === opening) lost();
  };
}

function lost() {
  socket = null;
  banner ||= setTimeout(() => (offline.hidden = false), OFFLINE_AFTER);
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempts++);
  retry = setTimeout(connect, wait / 2 + (Math.random() * wait) / 2);
  for (const each of memory.unsent) mark(each.id, words.waiting);
}

function send(message) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

addEventListener("online", () => {
  if (!socket) connect();
});

// What the server says

const hearing = {
  welcome({ token, lines }) {
    attempts = 0;
    clearTimeout(banner);
    banner = 0;
    offline.hidden = true;
    memory.token = token;
    remember();
    pieces.clear();
    log.replaceChildren();
    if (lines.length === 0) show({ author: "worker", text: words.hello });
    for (const line of lines) show(line);
    for (const each of memory.unsent) {
      show({ author: "contact", ...each });
      mark(each.id, words.sending);
      utter(each);
    }
  },
  kept({ id, turn }) {
    forget(id);
    const mine = byId(id);
    const known = byTurn(turn, ".mine");
    if (mine && known && mine !== known) {
      mine.remove(); // the first try had arrived after all
      return;
    }
    if (mine) mine.dataset.turn = turn;
    mark(id, "");
    if (!byTurn(turn, ".theirs")) type(turn);
  },
  refused({ id, code, retry_after: wait }) {
    if (wait !== null) {
      mark(id, words.waiting);
      setTimeout(() => resend(id), Math.max(wait * 1000, FIRST_WAIT));
      return;
    }
    forget(id);
    mark(id, code === "chat.too_long" ? words.too_long : words.refused, true);
  },
  said({ turn, text }) {
    if (!byTurn(turn, ".mine")) show({ author: "contact", text, turn });
  },
  delta({ turn, text }) {
    const piece = pieces.get(turn) ?? { text: "", line: null };
    piece.text += text;
    piece.line ??= write(turn);
    piece.line.querySelector(".bubble").replaceChildren(prose(piece.text));
    pieces.set(turn, piece);
    follow();
  },
  restart({ turn }) {
    pieces.get(turn)?.line.remove();
    pieces.delete(turn);
    type(turn);
  },
  reply({ turn, hold, ...reply }) {
    settle(turn);
    const before = byTurn(turn, ".theirs:not(.held)");
    if (before || (hold && byTurn(turn, ".held"))) return;
    show({ author: "worker", turn, held: hold, ...reply });
  },
  silent({ turn }) {
    settle(turn);
  },
  rated({ turn, rating }) {
    memory.rated = [...memory.rated.filter((each) => each.turn !== turn), { turn, rating }].slice(-MOST_RATED);
    remember();
    const line = byTurn(turn, ".theirs:not(.held)");
    if (!line) return;
    for (const one of line.querySelectorAll(".opinion button")) one.ariaPressed = `${one.value === rating}`;
    line.querySelector(".opinion span").textContent = words.rated;
  },
  not_rated({ turn }) {
    const note = byTurn(turn, ".theirs:not(.held)")?.querySelector(".opinion span");
    if (note) note.textContent = words.not_rated;
  },
  human(said) {
    show({ author: "human", ...said });
  },
  failed({ turn }) {
    settle(turn);
    const mine = byTurn(turn, ".mine");
    if (mine) state(mine, words.failed, true);
  },
};

function hear(message) {
  hearing[message.type]?.(message);
}

// What the visitor says

function say(text, files = []) {
  const each = { id: crypto.getRandomValues(new Uint32Array(4)).join("-"), text, files };
  memory.unsent.push(each);
  remember();
  show({ author: "contact", ...each });
  mark(each.id, utter(each) ? words.sending : words.waiting);
}

function utter({ id, text, files = [] }) {
  return send({ type: "say", id, text, files: files.map((file) => file.id) });
}

function resend(id) {
  const each = memory.unsent.find((one) => one.id === id);
  if (each && utter(each)) mark(id, words.sending);
}

function forget(id) {
  memory.unsent = memory.unsent.filter((each) => each.id !== id);
  remember();
}

// What is to be seen

function show({ author, text, name: who = "", turn = "", id = "", held = false, rateable = false, choices = [], citations = [], files = [] }) {
  const mine = author === "contact";
  const line = element("div", author === "notice" ? "line happened" : `line ${mine ? "mine" : "theirs"}`);
  line.dataset.turn = turn;
  line.dataset.id = id;
  line.classList.toggle("held", held);
  if (author === "notice") {
    line.textContent = text;
  } else {
    if (!mine) line.append(element("p", "who", author === "human" ? `${who} · ${words.person}` : name));
    const bubble = element("div", "bubble");
    if (mine) bubble.textContent = text;
    else bubble.append(prose(text));
    if (text || !files.length) line.append(bubble);
    if (files.length) line.append(filed(files));
    if (citations.length) line.append(sources(citations));
    if (choices.length) line.append(buttons(choices));
    else if (rateable && turn && !held) line.append(opinion(turn));
  }
  if (mine) for (const old of log.querySelectorAll(".choices")) old.remove();
  log.append(line);
  follow();
  return line;
}

function write(turn) {
  untype(turn);
  const line = show({ author: "worker", text: "", turn });
  line.classList.add("held");
  return line;
}

function settle(turn) {
  untype(turn);
  pieces.get(turn)?.line.remove();
  pieces.delete(turn);
}

function type(turn) {
  if (log.querySelector(`.typing[data-turn="${CSS.escape(turn)}"]`)) return;
  const line = element("div", "line typing");
  line.dataset.turn = turn;
  const bubble = element("div", "bubble");
  bubble.setAttribute("aria-label", `${name} ${words.typing}`);
  bubble.append(element("span"), element("span"), element("span"));
  line.append(bubble);
  log.append(line);
  follow();
}

function untype(turn) {
  log.querySelector(`.typing[data-turn="${CSS.escape(turn)}"]`)?.remove();
}

function sources(citations) {
  const box = element("div", "sources");
  for (const { title, quote } of citations) {
    const one = element("details");
    one.append(element("summary", "", `${words.source} ${title}`), element("p", "", quote));
    box.append(one);
  }
  return box;
}

function buttons(choices) {
  const box = element("div", "choices");
  for (const { label } of choices) {
    const button = element("button", "", label);
    button.type = "button";
    button.onclick = () => say(label);
    box.append(button);
  }
  return box;
}

function opinion(turn) {
  const before = memory.rated.find((each) => each.turn === turn);
  const box = element("div", "opinion");
  box.role = "group";
  box.ariaLabel = words.rate;
  for (const rating of ["up", "down"]) {
    const button = element("button", "", words[rating]);
    button.type = "button";
    button.value = rating;
    button.ariaPressed = `${before?.rating === rating}`;
    button.onclick = () => {
      if (!send({ type: "rate", turn, rating })) hearing.not_rated({ turn });
    };
    box.append(button);
  }
  const note = element("span");
  note.role = "status";
  box.append(note);
  return box;
}

function mark(id, text, wrong = false) {
  const line = byId(id);
  if (line) state(line, text, wrong);
}

function state(line, text, wrong = false) {
  line.querySelector(".state")?.remove();
  if (text) line.append(element("p", wrong ? "state wrong" : "state", text));
}

function byId(id) {
  return log.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function byTurn(turn, kind) {
  return turn ? log.querySelector(`.line${kind}[data-turn="${CSS.escape(turn)}"]`) : null;
}

function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}

function follow() {
  log.scrollTop = log.scrollHeight;
}

function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

form.onsubmit = (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (bringing.pending || (!text && !bringing.files.length)) return;
  field.value = "";
  fit();
  say(text, bringing.give());
};

field.oninput = fit;
field.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
};

recall();
connect();
