// retained.mjs - what Chrome DevTools' own heap worker makes of .heapsnapshot files.
//
//   node retained.mjs WORKER.mjs SNAPSHOT             a line a node: id, self size, retained size,
//                                                     id of the dominator, distance, type, class, name
//   node retained.mjs WORKER.mjs --summary SNAPSHOT   one line of JSON: counts, sizes, milliseconds
//   node retained.mjs WORKER.mjs --compare OLD NEW    a line of JSON a class: its objects added and removed
//
// WORKER.mjs is what tools/get-devtools prints: DevTools' heap_snapshot_worker, bundled and otherwise as
// it is. The steps are those of its HeapSnapshotWorkerDispatcher. Numbers are DevTools', none is ours.
import {createReadStream} from 'node:fs';
import {performance} from 'node:perf_hooks';
import {pathToFileURL} from 'node:url';

const CHUNK_BYTES = 10_000_000; // as DevTools reads files

Promise.withResolvers ??= () => { // Node has it from 22 on
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, {resolve, reject}));
  return made;
};

const [worker, ...words] = process.argv.slice(2);
const mode = words[0]?.startsWith('--') ? words.shift() : '--nodes';
const {HeapSnapshotLoader, HeapSnapshot} = await import(pathToFileURL(worker));

// Unreachable nodes and the like are warned of: here they are failures.
const problems = [];
console.warn = text => problems.push(String(text));

async function load(path) {
  const loader = new HeapSnapshotLoader.HeapSnapshotLoader({sendEvent: () => {}});
  const file = createReadStream(path, {encoding: 'utf8', highWaterMark: CHUNK_BYTES});
  for await (const chunk of file) {
    loader.write(chunk);
  }
  loader.close();
  const {port1, port2} = new MessageChannel();
  new HeapSnapshot.SecondaryInitManager(port2);
  const snapshot = await loader.buildSnapshot(port1);
  port1.close();
  return snapshot;
}

// Standard output may be a pipe: what it does not take at once has to be waited for.
async function print(text) {
  if (!process.stdout.write(text)) {
    await new Promise(resolve => process.stdout.once('drain', resolve));
  }
}

async function printNodes(snapshot) {
  const node = snapshot.rootNode();
  let lines = [];
  for (let ordinal = 0; ordinal < snapshot.nodeCount; ordinal++) {
    node.nodeIndex = ordinal * snapshot.nodeFieldCount;
    const dominator = snapshot.createNode(snapshot.dominatorsTree[ordinal] * snapshot.nodeFieldCount);
    lines.push(JSON.stringify([node.id(), node.selfSize(), node.retainedSize(), dominator.id(),
                               node.distance(), node.type(), node.className(), node.name()]));
    if (lines.length === 10_000) {
      await print(lines.join('\n') + '\n');
      lines = [];
    }
  }
  await print(lines.map(line => line + '\n').join(''));
}

async function printComparison(before, after) {
  const interfaces = after.interfaceDefinitions();
  const aggregates = before.aggregatesForDiff(interfaces);
  const diffs = after.calculateSnapshotDiff(1, aggregates);
  for (const diff of Object.values(diffs)) {
    const added = diff.addedIndexes.map(index => after.createNode(index).id());
    await print(JSON.stringify({class: diff.name, added, removed: diff.deletedIds}) + '\n');
  }
}

const began = performance.now();
const snapshots = [];
for (const path of words) {
  snapshots.push(await load(path));
}
const milliseconds = performance.now() - began;
if (mode === '--compare') {
  await printComparison(...snapshots);
} else if (mode === '--summary') {
  await print(JSON.stringify({
    nodes: snapshots[0].nodeCount,
    edges: snapshots[0].containmentEdges.length / snapshots[0].edgeFieldsCount,
    bytes: snapshots[0].totalSize,
    milliseconds,
  }) + '\n');
} else {
  await printNodes(snapshots[0]);
}
if (problems.length) {
  process.stderr.write(problems.join('\n') + '\n');
  process.exitCode = 1;
}
