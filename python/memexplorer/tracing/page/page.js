// page.js - the page of a traced program: a story is told step by step.
//
// The story (see page.py) says what each step changed; what holds after a step is the sum of the
// changes up to it. Model above, drawing below; nothing is fetched.
'use strict';

// ---- what holds after a step ------------------------------------------------------------------

// Names by scope, counts of objects, references between objects, which objects are alive.
function emptyState() {
  return {names: new Map(), counts: new Map(), references: new Map(), alive: new Set()};
}

function applyStep(state, step) {
  for (const [scope, name, object] of step.names) {
    const key = JSON.stringify([scope, name]);
    if (object === null) state.names.delete(key);
    else state.names.set(key, {scope, name, object});
  }
  for (const [from, label, to] of step.references) {
    const key = JSON.stringify([from, label]);
    if (to === null) state.references.delete(key);
    else state.references.set(key, {from, label, to});
  }
  for (const object of step.born) state.alive.add(object);
  for (const [object, count] of step.counts) state.counts.set(object, count);
  for (const object of step.died) {
    state.alive.delete(object);
    state.counts.set(object, 0);
  }
}

// After steps[0..place].
function stateAt(story, place) {
  const state = emptyState();
  for (let i = 0; i <= place && i < story.steps.length; i++) applyStep(state, story.steps[i]);
  return state;
}

// For the chart: the steps, and for each object its count after each of them; null where it is not.
function countsOverTime(story) {
  const state = emptyState();
  const steps = story.steps.map((_, i) => i + 1);
  const rows = story.objects.map(() => new Array(story.steps.length).fill(null));
  story.steps.forEach((step, i) => {
    applyStep(state, step);
    for (const object of state.alive) rows[object][i] = state.counts.get(object) ?? null;
    for (const object of step.died) rows[object][i] = 0;
  });
  return [steps, ...rows];
}

// The next step on a line behind `place`, or the first one there is; -1 when none is.
function stepOnLine(story, file, line, place) {
  const on = i => story.steps[i].file === file && story.steps[i].line === line;
  for (let i = place + 1; i < story.steps.length; i++) if (on(i)) return i;
  for (let i = 0; i <= place && i < story.steps.length; i++) if (on(i)) return i;
  return -1;
}

// Nodes and edges for the graph: scopes with their names, objects that something refers to.
function graphOf(story, state) {
  const elements = [], shown = new Set(), scopes = new Set();
  const show = object => {
    if (shown.has(object)) return;
    shown.add(object);
    const count = state.counts.get(object);
    const label = story.objects[object].label + (count === undefined ? '' : '\n' + count);
    elements.push({data: {id: 'o' + object, label}, classes: 'object'});
  };
  for (const {scope, name, object} of state.names.values()) {
    if (!scopes.has(scope)) {
      scopes.add(scope);
      elements.push({data: {id: 's' + scope, label: scope}, classes: 'scope'});
    }
    show(object);
    elements.push({data: {id: 'n' + scope + '|' + name, source: 's' + scope, target: 'o' + object, label: name}});
  }
  for (const object of state.alive) show(object);
  for (const {from, label, to} of state.references.values()) {
    show(from);
    show(to);
    elements.push({data: {id: 'r' + from + '|' + label, source: 'o' + from, target: 'o' + to, label}});
  }
  return elements;
}

// ---- drawing ----------------------------------------------------------------------------------

const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2'];
const WHOLE = [1, 2, 5].flatMap(n => [0, 1, 2, 3, 4, 5, 6].map(e => n * 10 ** e)).sort((a, b) => a - b); // ticks
const LIMIT_SERIES = 40; // lines that can be told apart, and more

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

function drawSource(story, choose) {
  const source = document.getElementById('source');
  const stepped = new Set(story.steps.map(step => step.file + ':' + step.line));
  story.files.forEach((file, index) => {
    source.append(element('h3', file.name));
    const pre = element('pre');
    file.lines.forEach((text, i) => {
      const line = element('span', text, {class: 'code', id: `l${index}-${i + 1}`, 'data-line': i + 1});
      if (stepped.has(index + ':' + (i + 1))) {
        line.classList.add('stepped');
        line.addEventListener('click', () => choose(index, i + 1));
      }
      pre.append(line);
    });
    source.append(pre);
  });
}

function drawGraph() {
  return cytoscape({
    container: document.getElementById('graph'),
    style: [
      {selector: 'node', style: {label: 'data(label)', 'font-size': 10, 'text-wrap': 'wrap', 'text-valign': 'center', color: '#888'}},
      {selector: '.object', style: {shape: 'ellipse', 'background-color': '#9ecae1', color: '#123', width: 'label', height: 'label', padding: 8}},
      {selector: '.scope', style: {shape: 'round-rectangle', 'background-color': '#c7e9c0', color: '#123', width: 'label', height: 'label', padding: 8}},
      {selector: 'edge', style: {label: 'data(label)', 'font-size': 11, color: '#c60', 'text-background-color': '#fff', 'text-background-opacity': 0.8, 'min-zoomed-font-size': 4, width: 1.5, 'curve-style': 'bezier', 'target-arrow-shape': 'triangle'}},
    ],
  });
}

function drawChart(story, ready) {
  const shown = story.objects.slice(0, LIMIT_SERIES);
  const data = countsOverTime(story).slice(0, LIMIT_SERIES + 1);
  const series = shown.map((object, i) => ({
    label: object.label, stroke: COLOURS[i % COLOURS.length], paths: uPlot.paths.stepped({align: 1}), spanGaps: false,
  }));
  const chart = document.getElementById('chart');
  const options = {
    width: Math.max(chart.clientWidth, 300), height: 220, scales: {x: {time: false}},
    series: [{label: 'step'}, ...series],
    hooks: {ready: [ready]},
    axes: [{incrs: WHOLE}, {incrs: WHOLE}],
  };
  return new uPlot(options, data, chart);
}

function drawObjects(story, state) {
  const body = document.querySelector('#objects tbody');
  body.replaceChildren(...story.objects.map((object, i) => {
    const alive = state.alive.has(i), known = alive || state.counts.has(i);
    const row = element('tr', undefined, {class: alive ? 'alive' : known ? 'dead' : 'later'});
    const count = state.counts.get(i);
    const died = known && !alive;
    row.append(element('td', object.label), element('td', count === undefined ? '' : count),
      element('td', known ? object.born : ''), element('td', died ? object.died : ''), element('td', died ? object.cause : ''));
    row.hidden = !known;
    return row;
  }));
}

function start() {
  const story = JSON.parse(document.getElementById('story').textContent);
  const scrubber = document.getElementById('scrubber');
  document.querySelector('h1').textContent = story.title;
  document.getElementById('about').textContent = story.about;
  scrubber.max = Math.max(story.steps.length - 1, 0);
  const graph = drawGraph();
  let here = null, chart = null;
  const pointAt = place => chart?.setCursor({left: chart.valToPos(place + 1, 'x'), top: 0});

  function go(place) {
    place = Math.min(Math.max(place, 0), story.steps.length - 1);
    const step = story.steps[place];
    scrubber.value = place;
    document.getElementById('place').textContent =
      story.steps.length ? `step ${place + 1} of ${story.steps.length}, ${story.files[step.file]?.name ?? '?'}:${step.line}` : 'no steps';
    if (!step) return;
    const state = stateAt(story, place);
    here?.classList.remove('here');
    here = document.getElementById(`l${step.file}-${step.line}`);
    here?.classList.add('here');
    here?.scrollIntoView({block: 'nearest'});
    document.getElementById('changes').replaceChildren(...step.texts.map(([kind, text]) => element('li', text, {class: kind})));
    drawObjects(story, state);
    graph.json({elements: graphOf(story, state)});
    graph.layout({name: 'breadthfirst', directed: true, roots: graph.nodes('.scope'), spacingFactor: 1.1, animate: false}).run();
    pointAt(place);
  }

  drawSource(story, (file, line) => go(stepOnLine(story, file, line, +scrubber.value)));
  scrubber.addEventListener('input', () => go(+scrubber.value));
  document.getElementById('back').addEventListener('click', () => go(+scrubber.value - 1));
  document.getElementById('on').addEventListener('click', () => go(+scrubber.value + 1));
  document.addEventListener('keydown', event => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!by || event.target === scrubber) return;
    event.preventDefault();
    go(+scrubber.value + by);
  });
  go(0);
  drawChart(story, drawn => {
    chart = drawn;
    pointAt(+scrubber.value);
  });
}

if (typeof document !== 'undefined') start();
if (typeof module !== 'undefined') module.exports = {stateAt, countsOverTime, stepOnLine, graphOf};
