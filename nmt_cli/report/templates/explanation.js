"use strict";
// Steps through the words of a translation: what the decoder attended to, and what it predicted.

const explanation = JSON.parse(document.getElementById("content").textContent);
const make = (name, text, type) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (type) element.className = type;
  return element;
};
const strip = (vector, weight = 1) => {
  const cells = make("span", undefined, "strip");
  for (const value of vector) {
    const cell = make("i");
    const strength = Math.min(1, Math.abs(value * weight));
    cell.style.background = `rgb(var(--${value * weight < 0 ? "less" : "more"}) / ${strength})`;
    cell.title = (value * weight).toFixed(3);
    cells.append(cell);
  }
  return cells;
};
const row = (title, cells) => {
  const line = make("tr");
  const head = make("th", title);
  head.scope = "row";
  line.append(head);
  for (const content of cells) {
    const cell = make("td", undefined, typeof content === "string" ? "number" : "");
    cell.append(content);
    line.append(cell);
  }
  return line;
};
const tokens = () => {
  const line = row("token", explanation.source);
  for (const cell of line.querySelectorAll("td")) cell.lang = explanation.languages[0];
  return line;
};
const bar = weight => {
  const outer = make("div", undefined, "bar");
  const full = make("i");
  full.style.height = `${100 * weight}%`;
  outer.append(full);
  return outer;
};
const titled = (title, content) => {
  const part = make("div");
  part.append(content, make("br"), make("span", title, "quiet"));
  return part;
};
let current = 0;
const buttons = explanation.steps.map((step, index) => {
  const button = make("button", step.token);
  button.addEventListener("click", () => choose(index));
  document.getElementById("words").append(button);
  return button;
});

// The chosen word has the focus too, and Tab goes to it only.
function choose(index) {
  show(Math.max(0, Math.min(explanation.steps.length - 1, index)));
  buttons[current].focus();
}

function show(index) {
  current = index;
  const step = explanation.steps[current];
  buttons.forEach((button, position) => {
    button.tabIndex = position === current ? 0 : -1;
    if (position === current) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  });
  document.getElementById("step").textContent =
    `Word ${current + 1} of ${buttons.length}: ${step.token}, of probability ${step.probability.toFixed(3)}`;
  const table = document.getElementById("attention");
  const flow = document.getElementById("flow");
  if (step.weights) {
    table.replaceChildren(
      tokens(),
      row("value v", explanation.values.map(v => strip(v))),
      row("score", step.scores.map(score => score.toFixed(2))),
      row("weight", step.weights.map(weight => weight.toFixed(3))),
      row("", step.weights.map(bar)),
      ...(explanation.heads > 1 ? [] : [row("weight x v", explanation.values.map((v, position) => strip(v, step.weights[position])))]));
    flow.replaceChildren(
      titled("query q", strip(step.query)), make("span", "→"),
      titled(explanation.heads > 1 ? `context c, of ${explanation.heads} heads` : "context c, their sum", strip(step.context)), make("span", "and"), titled("state s", strip(step.state)),
      make("span", "→"), titled(`readout r of ${explanation.joined}`, strip(step.readout)));
  } else {
    table.replaceChildren(tokens(), row("final state", [strip(explanation.final)]));
    flow.replaceChildren(titled("state s", strip(step.state)), make("span", "→"), titled(`readout r of ${explanation.joined}`, strip(step.readout)));
  }
  document.getElementById("best").replaceChildren(...step.best.flatMap(([token, probability]) => {
    const outer = make("div"), inner = make("i");
    inner.style.width = `${100 * probability}%`;
    outer.append(inner);
    return [make("span", token), outer, make("span", probability.toFixed(3), "quiet")];
  }));
}

const moves = { ArrowRight: () => current + 1, ArrowLeft: () => current - 1, Home: () => 0, End: () => buttons.length - 1 };
document.addEventListener("keydown", event => {
  const elsewhere = event.target !== document.body && !buttons.includes(event.target); // where arrow keys scroll
  if (!(event.key in moves) || elsewhere || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  choose(moves[event.key]());
});
show(0);
