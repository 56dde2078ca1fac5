// An exported ONNX file in Node.js: the largest difference of a logit.
//
//     npm install --ignore-scripts onnxruntime-node@1.30.0
//     node tests/clients/node.mjs student.onnx cases.json [limit]
//
// cases.json is by `python -m tools.cases`. onnxruntime-node is looked
// for from the folder that this is run in. Exit status: 0, 1 where a logit
// differs by more than the limit, 2 where the runtime is missing.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , modelFile, casesFile, limit = "1e-4"] = process.argv;
if (!casesFile) {
  console.error("Usage: node node.mjs MODEL.onnx CASES.json [LIMIT]");
  process.exit(2);
}

let ort;
try {
  // Its install script fetches CUDA libraries; the CPU's is in the package.
  ort = createRequire(join(process.cwd(), "here.js"))("onnxruntime-node");
} catch (error) {
  console.error(
    "onnxruntime-node is missing. Run `npm install --ignore-scripts " +
      `onnxruntime-node@1.30.0\` in this folder. (${error.code})`,
  );
  process.exit(2);
}

const cases = JSON.parse(readFileSync(casesFile, "utf-8"));
const session = await ort.InferenceSession.create(modelFile);
const type = session.inputMetadata[0].type;
const Pixels = { float32: Float32Array, uint8: Uint8Array }[type];
if (!Pixels) {
  console.error(`The input must be float32 or uint8. Received: ${type}.`);
  process.exit(2);
}

const [count, ...shape] = cases.shape;
const size = shape.reduce((a, b) => a * b, 1);
const times = [];
let largest = 0;
for (let i = 0; i < count; i += 1) {
  const pixels = cases.images.slice(i * size, (i + 1) * size);
  const image = new ort.Tensor(type, Pixels.from(pixels), [1, ...shape]);
  const before = performance.now();
  const { logits } = await session.run({ image }, ["logits"]);
  times.push(performance.now() - before);
  for (const [k, expected] of cases.logits[i].entries()) {
    const difference = Math.abs(logits.data[k] - expected);
    // Not a number is no small difference.
    const known = Number.isNaN(difference) ? Infinity : difference;
    largest = Math.max(largest, known);
  }
}

times.sort((a, b) => a - b);
const median = times[Math.floor(count / 2)].toFixed(2);
console.log(
  `max difference ${largest.toExponential(1)} on ${count} images, ` +
    `${median} ms each (median)`,
);
process.exit(largest <= Number(limit) ? 0 : 1);
