// Copy buttons and search. Without this script the pages are the same but for these two.
"use strict";

for (const box of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  if (navigator.clipboard) box.append(button);
}

const field = document.getElementById("site-search");
const list = document.getElementById("site-found");
let rows = null;
let chosen = -1;

async function load() {
  rows ??= fetch("/docs/search.json").then((answer) => answer.json());
  return rows;
}

function weight(row, words) {
  const [text, , page] = [row[0].toLowerCase(), row[1], row[2].toLowerCase()];
  let total = 0;
  for (const word of words) {
    if (text.startsWith(word)) total += 3;
    else if (text.includes(word)) total += 2;
    else if (page.includes(word)) total += 1;
    else return 0;
  }
  return total + (page === "" ? 1 : 0);
}

async function look() {
  const words = field.value.toLowerCase().replaceAll("_", " ").split(/\s+/).filter(Boolean);
  const plain = (await load()).map((row) => [row, weight([row[0].replaceAll("_", " "), row[1], row[2]], words)]);
  const best = words.length ? plain.filter(([, w]) => w > 0).sort((a, b) => b[1] - a[1]).slice(0, 12) : [];
  chosen = -1;
  list.replaceChildren(...best.map(([[text, address, page]]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = address;
    link.append(text);
    if (page) {
      const where = document.createElement("span");
      where.textContent = page;
      link.append(where);
    }
    item.append(link);
    return item;
  }));
  list.hidden = !words.length;
  if (words.length && !best.length) {
    const item = document.createElement("li");
    item.className = "none";
    item.textContent = "Nothing found.";
    list.append(item);
  }
}

function move(by) {
  const links = [...list.querySelectorAll("a")];
  if (!links.length) return;
  chosen = (chosen + by + links.length) % links.length;
  links.forEach((link, n) => link.classList.toggle("chosen", n === chosen));
  links[chosen].scrollIntoView({ block: "nearest" });
}

if (field) {
  field.parentElement.hidden = false;
  field.placeholder = "Search";
  field.addEventListener("focus", load);
  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      (list.querySelector("a.chosen") ?? list.querySelector("a"))?.click();
    } else if (event.key === "Escape") {
      field.value = "";
      list.hidden = true;
      field.blur();
    }
  });
  document.addEventListener("click", (event) => {
    if (!field.parentElement.contains(event.target)) list.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/input|textarea/i.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
  });
}
