// memlab.cjs - what MemLab makes of a .heapsnapshot, and how long that takes it.
//
//   node memlab.cjs FOLDER SNAPSHOT      FOLDER is what `tools/get-npm memlab` prints
//
// Prints a line of JSON: its nodes, the bytes that its root retains, milliseconds for reading the file
// and for dominators and retained sizes.
const {createRequire} = require('node:module');
const path = require('node:path');
const {performance} = require('node:perf_hooks');

const [folder, file] = process.argv.slice(2);
const core = createRequire(path.join(folder, 'package.json'))('@memlab/core');

async function main() {
  core.config.muteConsole = true;
  const began = performance.now();
  const snapshot = await core.utils.getSnapshotFromFile(file, {buildNodeIdIndex: true});
  core.analysis.preparePathFinder(snapshot);
  const milliseconds = performance.now() - began;
  let nodes = 0;
  let bytes = 0;
  snapshot.nodes.forEach(node => {
    nodes++;
    bytes = Math.max(bytes, node.retainedSize);
  });
  console.log(JSON.stringify({nodes, bytes, milliseconds}));
}

main();
