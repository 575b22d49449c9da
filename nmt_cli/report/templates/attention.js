"use strict";
// Shows the sentences of the page's JSON; a heat map is drawn when it is scrolled to.
// Its layout is that of nmt_cli/report/heatmap.py, with labels as wide as the browser draws them.

const GAP = 6; // pixels between a label and the cells
const SLANT = 0.71; // sine and cosine of the angle of the source labels
const LONGEST = innerWidth < 600 ? 8 : 15; // longest label, in widths of a wide character

const find = id => document.getElementById(id);
const main = document.querySelector("main");
const [search, sort, subwords, count] = ["search", "sort", "subwords", "count"].map(find);
const [sourceLanguage, targetLanguage] = [...find("figure").content.querySelectorAll("dd")].map(side => side.lang);
const data = JSON.parse(find("data").textContent);
const namespace = document.querySelector("svg").namespaceURI;
const pen = document.createElement("canvas").getContext("2d");

function svg(name, attributes, ...children) {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// One figure for every sentence, with its texts.

const comparable = text => text.normalize("NFC").toLowerCase();

const sentences = data.sentences.map((sentence, position) => {
  const texts = [sentence.sourceText ?? sentence.source.join(" "), sentence.targetText ?? sentence.target.join(" ")];
  const figure = find("figure").content.cloneNode(true).querySelector("figure");
  figure.querySelector("b").textContent = sentence.number;
  figure.querySelector("span").textContent =
    (sentence.confidence === null ? "" : ` · confidence ${sentence.confidence.toFixed(2)}`) +
    (sentence.score === null ? "" : ` · score ${sentence.score.toFixed(3)}`);
  figure.querySelectorAll("dd").forEach((side, index) => { side.textContent = texts[index]; });
  return { ...sentence, position, figure, text: comparable(texts.join("\n")), drawn: false };
});
const byFigure = new Map(sentences.map(sentence => [sentence.figure, sentence]));

// Heat maps.

const matrixOf = sentence => (subwords.checked && sentence.subwords) || sentence;

function sizes({ source, target }) {
  const longest = Math.max(source.length, target.length);
  return longest <= 20 ? [28, 13] : longest <= 40 ? [21, 12] : [17, 11]; // sides of a cell, font size
}

function shorten(word, font) {
  const width = text => pen.measureText(text).width;
  if (width(word) <= LONGEST * font) return { text: word, width: width(word), word };
  const letters = [...word].slice(0, 4 * LONGEST);
  while (width(letters.join("") + "…") > LONGEST * font) letters.pop();
  return { text: `${letters.join("")}…`, width: width(`${letters.join("")}…`), word };
}

function draw(sentence) {
  if (sentence.drawn) return;
  sentence.drawn = true;
  const box = sentence.figure.querySelector(".map");
  const { source, target, weights } = matrixOf(sentence);
  if (!source.length || !target.length) {
    box.textContent = "Nothing to show: one side has no words.";
    return;
  }
  const [side, font] = sizes(matrixOf(sentence));
  pen.font = `${font}px ${getComputedStyle(main).fontFamily}`;
  const columns = source.map(word => shorten(word, font)), rows = target.map(word => shorten(word, font));
  const widest = labels => Math.max(...labels.map(label => label.width));
  const left = Math.ceil(widest(rows) + 2 * GAP), top = Math.ceil((widest(columns) + font) * SLANT + 2 * GAP);
  const right = Math.max(source.length * side, ...columns.map((label, i) => Math.ceil((i + 0.5) * side + label.width * SLANT)));
  const [width, height] = [source.length * side, target.length * side];
  const shape = { height: top + height + GAP, "font-size": font, class: "heatmap" };
  const text = (label, attributes) => svg("text", { class: "word", ...attributes }, label.text, svg("title", {}, label.word));

  const labels = svg("svg", { ...shape, class: "heatmap labels", width: left, lang: targetLanguage, "aria-hidden": true },
    svg("rect", { class: "surface", width: left, height: shape.height }),
    ...rows.map((label, j) => text(label, { x: left - GAP, y: top + (j + 0.5) * side, dy: ".35em", "text-anchor": "end" })));
  const cells = [...weights].flatMap((character, cell) => {
    const [i, j, level] = [cell % source.length, Math.floor(cell / source.length), data.levels.indexOf(character)];
    return level ? [svg("rect", { class: "cell", x: i * side, y: top + j * side, width: side, height: side, "fill-opacity": level / 100 })] : [];
  });
  const lines = source.map((_, i) => `M${i * side} ${top}v${height}`).concat(target.map((_, j) => `M0 ${top + j * side}h${width}`));
  const mark = svg("rect", { class: "mark", width: side, height: side, visibility: "hidden" });
  const picture = svg("svg", { ...shape, width: right + GAP, lang: sourceLanguage, role: "img",
    "aria-label": `attention between ${target.length} target and ${source.length} source words` },
    svg("rect", { class: "paper", y: top, width, height }), ...cells, svg("path", { class: "grid", d: lines.join("") }),
    ...columns.map((label, i) => text(label, { transform: `translate(${(i + 0.5) * side + font * 0.2} ${top - GAP}) rotate(-45)` })),
    mark);
  box.style.minHeight = "";
  box.replaceChildren(labels, picture);
  box.style.scrollPaddingLeft = `${left}px`;
  tellWeights(sentence, { box, picture, mark, side, top });
}

// The weight of the cell that is pointed at, tapped, or reached by the arrow keys, in words.
function tellWeights(sentence, { box, picture, mark, side, top }) {
  const { source, target, weights } = matrixOf(sentence);
  let at = [-1, 0];
  function point(i, j) {
    if (i < 0 || j < 0 || i >= source.length || j >= target.length) return;
    at = [i, j];
    const level = data.levels.indexOf(weights[j * source.length + i]);
    const weight = level ? (level / 100).toFixed(2) : `below ${data.faint}`;
    sentence.figure.querySelector("output").textContent = `“${source[i]}” → “${target[j]}”: ${weight}`;
    for (const [key, value] of Object.entries({ x: i * side, y: top + j * side, visibility: "visible" })) mark.setAttribute(key, value);
  }
  picture.onpointermove = picture.onclick = event => {
    const { left: x, top: y } = picture.getBoundingClientRect();
    point(Math.floor((event.clientX - x) / side), Math.floor((event.clientY - y - top) / side));
  };
  box.tabIndex = 0;
  box.onkeydown = event => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (at[0] < 0) point(0, 0);
    else point(at[0] + move[0], at[1] + move[1]);
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
}

const observer = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) draw(byFigure.get(target));
}, { rootMargin: "50%" });

function redraw() {
  for (const sentence of sentences) {
    const box = sentence.figure.querySelector(".map"), [side] = sizes(matrixOf(sentence));
    box.style.minHeight = `${matrixOf(sentence).target.length * side + 5 * side}px`; // before it is drawn
    box.replaceChildren();
    sentence.figure.querySelector("output").textContent = "";
    sentence.drawn = false;
    observer.unobserve(sentence.figure);
    observer.observe(sentence.figure);
  }
}

// Search and order, which the address keeps: #search=dog&sort=confidence&view=subwords

const orders = {
  file: (a, b) => a.position - b.position,
  score: (a, b) => (a.score ?? 0) - (b.score ?? 0),
  confidence: (a, b) => (a.confidence ?? 1) - (b.confidence ?? 1),
  length: (a, b) => b.source.length - a.source.length,
};

function filter() {
  const wanted = comparable(search.value.trim());
  for (const sentence of sentences) sentence.figure.hidden = !sentence.text.includes(wanted);
  const shown = sentences.filter(sentence => !sentence.figure.hidden).length;
  count.textContent = wanted ? `${shown.toLocaleString("en")} of ${sentences.length.toLocaleString("en")} sentences` : "";
}

function arrange() {
  main.append(...[...sentences].sort(orders[sort.value]).map(sentence => sentence.figure));
}

function keep() {
  const state = new URLSearchParams();
  if (search.value) state.set("search", search.value);
  if (sort.value !== "file") state.set("sort", sort.value);
  if (subwords.checked) state.set("view", "subwords");
  history.replaceState(null, "", `#${state}`);
}

function restore() {
  const state = new URLSearchParams(location.hash.slice(1));
  search.value = state.get("search") ?? "";
  sort.value = state.get("sort") ?? "file";
  if (sort.selectedIndex < 0) sort.value = "file";
  subwords.checked = state.get("view") === "subwords";
  filter();
  arrange();
  redraw();
}

search.addEventListener("input", () => { filter(); keep(); });
sort.addEventListener("change", () => { arrange(); keep(); });
subwords.addEventListener("change", () => { redraw(); keep(); });
addEventListener("hashchange", restore);
addEventListener("beforeprint", () => sentences.filter(sentence => !sentence.figure.hidden).forEach(draw));

find("tools").hidden = false;
find("find").hidden = sentences.length < 2;
restore();
