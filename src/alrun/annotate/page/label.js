"use strict";
// One page of examples and classes. All that it shows is set as text; it asks its own server alone.
const PART = 60; // examples of the grid at a time
const LETTERS = "qwertyiopafhjklzxcvbm"; // keys of classes after the digits; the others are commands
const part = name => document.getElementById(name);
let state = null, shown = [], at = 0, isGrid = false, first = 0, seen = 0, queue = Promise.resolve();
const picked = new Set(), undone = [], keys = new Map(), texts = new Map();

async function request(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.problem || response.statusText);
  return answer;
}

function trouble(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

async function load() {
  state = await request("/state");
  seen = state.seen;
  state.byId = new Map(state.items.map(item => [item.id, item]));
  document.title = part("title").textContent = state.title;
  keys.clear();
  const box = part("classes");
  box.replaceChildren(...state.classes.map((name, number) => {
    const key = number < 10 ? "1234567890"[number] : LETTERS[number - 10];
    const button = document.createElement("button");
    button.type = "button";
    button.append(name + " ");
    if (key) {
      keys.set(key, name);
      const hint = document.createElement("kbd");
      hint.textContent = key;
      button.append(hint);
    }
    button.addEventListener("click", () => answer("label", name));
    return button;
  }));
  part("search").hidden = state.classes.length <= 10;
  choose();
}

function isOpen(item) { return !item.own && (item.asks || (!item.label && item.together !== "none")); }

function choose(keep) {
  const filter = part("filter").value;
  const wanted = {
    todo: item => isOpen(item), round: item => item.round === state.round, disagree: item => item.disagree,
    asks: item => item.asks, all: () => true,
  }[filter];
  const current = keep || (shown[at] && shown[at].id);
  shown = state.items.filter(wanted);
  const place = shown.findIndex(item => item.id === current);
  at = place >= 0 ? place : Math.min(at, Math.max(0, shown.length - 1));
  picked.clear();
  draw();
}

function words(item) { return said(item) + (item.wanted ? " (second opinion wanted)" : ""); }

function said(item) {
  if (!item.own && item.asks) return "a second opinion is wanted";
  if (!item.own) return item.label ? "others say " + item.label : "";
  const own = item.own.kind === "label" ? item.own.label : {none: "none of these", skip: "skipped", unsure: "unsure"}[item.own.kind];
  return item.disagree ? own + " (others differ: " + (item.label || item.together) + ")" : own;
}

function draw() {
  const here = state.items.filter(item => item.round === state.round);
  const done = here.filter(item => item.together).length;
  part("progress").max = Math.max(1, here.length);
  part("progress").value = done;
  part("count").textContent = done + " of " + here.length + " answered in round " + state.round;
  const item = shown[at];
  part("done").hidden = Boolean(item);
  part("done").textContent = part("filter").value === "todo" && done === here.length
    ? "All " + state.kind + "s of this round have an answer. Type alrun ask with the project's folder."
    : "There is no such " + state.kind + ".";
  part("single").hidden = isGrid || !item;
  part("many").hidden = !isGrid || !item;
  if (!item) return;
  part("second").setAttribute("aria-pressed", String(item.wanted));
  if (isGrid) return drawGrid();
  state.kind === "text" ? drawText(item) : drawImage(item);
  part("name").textContent = state.kind === "text" ? "" : item.name;
  part("guess").textContent = item.predicted ? "model: " + item.predicted + ", " + Math.round(100 * item.share) + " %" : "";
  part("given").textContent = words(item);
}

function drawImage(item) {
  const image = part("image");
  image.hidden = false;
  if (image.dataset.id !== item.id) {
    image.dataset.id = item.id;
    image.src = "/image/" + item.id;
  }
  image.alt = "Image " + item.name;
  for (const next of shown.slice(at + 1, at + 4)) new Image().src = "/image/" + next.id;
}

async function fetchText(id) {
  const response = await fetch("/text/" + id);
  if (!response.ok) throw new Error((await response.json()).problem);
  return response.text();
}

function textOf(item) {
  if (!texts.has(item.id)) {
    const coming = fetchText(item.id);
    coming.catch(() => texts.delete(item.id));
    texts.set(item.id, coming);
  }
  return texts.get(item.id);
}

async function drawText(item) {
  const box = part("text");
  box.hidden = false;
  if (box.dataset.id === item.id) return;
  box.dataset.id = item.id;
  box.textContent = item.name;
  for (const next of shown.slice(at + 1, at + 4)) textOf(next).catch(() => null);
  try {
    const text = await textOf(item);
    if (box.dataset.id !== item.id) return;
    box.textContent = text;
    box.scrollTop = 0;
  } catch (error) {
    delete box.dataset.id;
    trouble("Not shown whole: " + error.message + ". Is alrun label still running?");
  }
}

function drawGrid() {
  first = Math.floor(at / PART) * PART;
  const cells = shown.slice(first, first + PART).map((item, offset) => {
    const cell = document.createElement("button");
    cell.type = "button";
    cell.className = "cell" + (state.kind === "text" ? " words" : "") + (first + offset === at ? " current" : "");
    cell.setAttribute("aria-pressed", String(picked.has(item.id)));
    if (state.kind === "image") {
      const image = document.createElement("img");
      image.src = "/image/" + item.id + "?small";
      image.alt = "";
      cell.append(image);
    }
    const name = document.createElement("span"), given = document.createElement("span");
    name.textContent = item.name;
    given.textContent = words(item);
    cell.title = item.name;
    cell.append(name, given);
    cell.addEventListener("click", () => {
      picked.has(item.id) ? picked.delete(item.id) : picked.add(item.id);
      at = first + offset;
      drawGrid();
      focusCell();
    });
    cell.addEventListener("focus", () => {
      at = first + offset;
      for (const other of part("grid").querySelectorAll(".current")) other.classList.remove("current");
      cell.classList.add("current");
    });
    const entry = document.createElement("li");
    entry.append(cell);
    return entry;
  });
  part("grid").replaceChildren(...cells);
  part("part").textContent = (first + 1) + " to " + (first + cells.length) + " of " + shown.length;
  part("before").disabled = first === 0;
  part("after").disabled = first + PART >= shown.length;
}

function focusCell() {
  const cell = part("grid").querySelectorAll(".cell")[at - first];
  if (isGrid && cell) cell.focus();
}

function apply(changes) {
  seen = changes.seen;
  for (const change of changes.changed) Object.assign(state.byId.get(change.id) || {}, change);
}

// Answers go out one after the other, in the order of keys.
function answer(kind, label) {
  if (!shown[at]) return;
  const items = isGrid && picked.size ? shown.filter(item => picked.has(item.id)) : [shown[at]];
  const next = shown[at + 1] && items.length === 1 ? shown[at + 1].id : null;
  const before = items.map(item => ({id: item.id, own: item.own}));
  if (next) at += 1;
  else if (!isGrid) draw();
  if (next && !isGrid) draw();
  queue = queue.then(async () => {
    try {
      apply(await request("/answer", {ids: items.map(item => item.id), kind: kind, label: label, seen: seen}));
      undone.push(before);
      part("said").textContent = items.map(item => shortName(item) + ": " + words(item)).slice(0, 3).join("; ");
      trouble("");
    } catch (error) {
      trouble("Not saved: " + error.message + ". Is alrun label still running?");
      choose(items[0].id);
      return;
    }
    choose(shown[at] && shown[at].id);
    focusCell();
  });
}

// Beside an answer or without one; said again, it is taken back. The example stays in view.
function second() {
  if (!shown[at]) return;
  const items = isGrid && picked.size ? shown.filter(item => picked.has(item.id)) : [shown[at]];
  queue = queue.then(async () => {
    try {
      apply(await request("/answer", {ids: items.map(item => item.id), kind: "second", label: null, seen: seen}));
      part("said").textContent = items.map(item => shortName(item) + ": " + words(item)).slice(0, 3).join("; ");
      trouble("");
    } catch (error) {
      trouble("Not saved: " + error.message + ". Is alrun label still running?");
    }
    draw();
    focusCell();
  });
}

function shortName(item) { return item.name.length > 40 ? item.name.slice(0, 40) + "…" : item.name; }

function undo() {
  queue = queue.then(async () => {
    const last = undone.pop();
    if (!last) {
      part("said").textContent = "There is nothing to undo.";
      return;
    }
    try {
      for (const each of last) {
        const own = each.own || {kind: "undo", label: null};
        apply(await request("/answer", {ids: [each.id], kind: own.kind, label: own.label, seen: seen}));
      }
      trouble("");
    } catch (error) {
      undone.push(last);
      trouble("Not undone: " + error.message + ". Is alrun label still running?");
      return;
    }
    part("said").textContent = "Undone: " + shortName(state.byId.get(last[0].id));
    choose(last[0].id);
    focusCell();
  });
}

function move(step) {
  at = Math.max(0, Math.min(shown.length - 1, at + step));
  draw();
  focusCell();
}

function toggle() {
  isGrid = !isGrid;
  part("view").setAttribute("aria-pressed", String(isGrid));
  draw();
  focusCell();
}

document.addEventListener("keydown", event => {
  if (!state || event.ctrlKey || event.altKey || event.metaKey) return;
  const field = event.target.id === "word";
  if (field && event.key === "Enter") {
    const typed = part("word").value.trim().toLowerCase();
    const name = state.classes.find(each => each.toLowerCase() === typed)
      || state.classes.find(each => typed && each.toLowerCase().startsWith(typed));
    if (name) {
      part("word").value = "";
      answer("label", name);
    } else part("said").textContent = "There is no such class.";
    return;
  }
  if (field && event.key === "Escape") return part("word").blur();
  if (field || event.target.tagName === "SELECT") return;
  const commands = {
    n: () => answer("none"), s: () => answer("skip"), "?": () => answer("unsure"), "!": second, d: () => answer("unsure"), u: undo, g: toggle,
    Backspace: undo, ArrowLeft: () => move(-1), ArrowRight: () => move(1),
    "/": () => part("search").hidden || part("word").focus(),
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (keys.has(key)) answer("label", keys.get(key));
  else if (commands[key]) commands[key]();
  else return;
  event.preventDefault();
});

for (const button of document.querySelectorAll("[data-kind]")) button.addEventListener("click", () => answer(button.dataset.kind));
part("second").addEventListener("click", second);
part("undo").addEventListener("click", undo);
part("back").addEventListener("click", () => move(-1));
part("next").addEventListener("click", () => move(1));
part("view").addEventListener("click", toggle);
part("before").addEventListener("click", () => { at = Math.max(0, first - PART); draw(); });
part("after").addEventListener("click", () => { at = Math.min(shown.length - 1, first + PART); draw(); });
part("filter").addEventListener("change", () => choose());
// Another tab, or another person, may have answered meanwhile.
addEventListener("focus", () => {
  if (!state) return;
  queue = queue.then(async () => {
    try {
      const now = await request("/answers?since=" + seen);
      if (now.round !== state.round) return await load();
      apply(now);
      choose();
    } catch (error) {
      trouble("No answer: " + error.message + ". Is alrun label still running?");
    }
  });
});
load().catch(error => trouble("This page cannot be loaded: " + error.message));
