// page.mjs - goes through a page of `memexplorer trace --html` as a reader does, in jsdom.
//
//   node page.mjs JSDOM PAGE     JSDOM is what `tools/get-npm jsdom` prints
//
// Prints JSON: for each step what is seen after one step on. Canvases draw nothing here.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const [folder, page] = process.argv.slice(2);
const {JSDOM, VirtualConsole} = createRequire(folder + '/')('jsdom');

const errors = [];
const watcher = new VirtualConsole();
watcher.on('jsdomError', error => errors.push(String(error.message)));

// Answers to every name with itself: enough for what only paints.
const paint = new Proxy(function () {}, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => 1 : name === 'width' ? 10 : paint),
  set: () => true,
  apply: () => paint,
});

const dom = new JSDOM(readFileSync(page, 'utf8'), {
  runScripts: 'dangerously',
  pretendToBeVisual: true,
  virtualConsole: watcher,
  beforeParse(window) {
    window.HTMLCanvasElement.prototype.getContext = () => paint;
    for (const [name, value] of [['clientWidth', 800], ['clientHeight', 600], ['offsetWidth', 800], ['offsetHeight', 600]])
      Object.defineProperty(window.HTMLElement.prototype, name, {get: () => value});
    window.HTMLElement.prototype.getBoundingClientRect = () => ({x: 0, y: 0, left: 0, top: 0, right: 800, bottom: 600, width: 800, height: 600});
    window.HTMLElement.prototype.scrollIntoView = () => {};
    window.getComputedStyle = () => new Proxy({getPropertyValue: () => '0'}, {get: (it, name) => it[name] ?? '0'});
    window.structuredClone = structuredClone;
    window.matchMedia = () => ({matches: false, addEventListener() {}, addListener() {}, removeEventListener() {}});
    window.Path2D = class { constructor() { return paint; } };
    window.ResizeObserver = class { observe() {} disconnect() {} unobserve() {} };
  },
});

const {document} = dom.window;
const text = node => node.textContent.trim();
const seen = () => ({
  place: text(document.getElementById('place')),
  here: [...document.querySelectorAll('.code.here')].map(text),
  changes: [...document.querySelectorAll('#changes li')].map(text),
  objects: [...document.querySelectorAll('#objects tbody tr')].filter(row => !row.hidden)
    .map(row => [...row.cells].map(text)),
});

const steps = [seen()];
const on = document.getElementById('on');
for (let i = 1; i < Number(document.getElementById('scrubber').max) + 1; i++) {
  on.click();
  steps.push(seen());
}
const line = process.argv[4] && document.getElementById(process.argv[4]);
line?.click();
process.stdout.write(JSON.stringify({title: document.title, steps, clicked: line ? seen() : null, errors}));
dom.window.close(); // its frames go on for ever
