// The demo page: a picture -> pixels -> logits -> the five likeliest classes.
//
// model.js and runtime.js carry the model, the samples and onnxruntime-web as
// text, because a page that is opened from a file may load scripts but may not
// read files: so this works from a double click as from any server.
"use strict";

const SHOWN = 5; // classes in the ranking
const WARM_RUNS = 5; // runs that the median is taken over
const PATIENCE = 500; // milliseconds that these may take together
const STRIP = 64; // rows of a picture that are looked at together
const COARSE = 96; // pixels a side below which each is drawn as a square
const part = (id) => document.getElementById(id);

let demo; // what model.js says
let session;
let ort;
let firstRun; // milliseconds of the first run of all
let picks = 0; // pictures chosen so far: an older one's result is not shown
let lastRun = Promise.resolve();

// === Loading ===

function addScript(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = name;
    script.onload = resolve;
    script.onerror = () =>
      reject(new Error(`${name} is not beside this page, or cannot be read.`));
    document.head.append(script);
  });
}

function fromBase64(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) {
    bytes[i] = letters.charCodeAt(i);
  }
  return bytes;
}

async function unpacked(text) {
  const packed = new Blob([fromBase64(text)]).stream();
  const stream = packed.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function openRuntime(packed) {
  const text = await unpacked(packed.module);
  const script = new Blob([text], { type: "text/javascript" });
  const address = URL.createObjectURL(script);
  const runtime = await import(address);
  URL.revokeObjectURL(address);
  // One thread: more would need a server that sends special headers.
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = await unpacked(packed.wasm);
  return runtime;
}

async function start() {
  if (!("DecompressionStream" in window) || !("WebAssembly" in window)) {
    throw new Error(
      "This browser is too old. Use Chrome or Edge 91, Firefox 113, " +
        "Safari 16.4, or a later one.",
    );
  }
  await addScript("model.js");
  demo = globalThis.DEMO;
  describe();
  await addScript("runtime.js");
  ort = await openRuntime(globalThis.RUNTIME);
  session = await ort.InferenceSession.create(fromBase64(demo.model), {
    executionProviders: ["wasm"],
  });
  // Their text is not needed any more.
  demo.model = null;
  globalThis.RUNTIME = null;
  part("runtime").textContent =
    `It is run by onnxruntime-web ${ort.env.versions.web} (WebAssembly, ` +
    "one thread).";
  part("file").disabled = false;
  say("Choose, drop or paste a picture.");
  for (const button of document.querySelectorAll("#samples button")) {
    button.disabled = false;
  }
  if (demo.samples.length) {
    await chooseSample(0);
  }
  document.body.dataset.ready = "true";
}

// === Inference ===

function inTurn(job) {
  const result = lastRun.then(job);
  lastRun = result.catch(() => {});
  return result;
}

/** Pixels -> logits and the milliseconds that they took. */
function run(pixels) {
  return inTurn(async () => {
    const { type, height, width, channels } = demo.input;
    const shape = [1, height, width, channels];
    const image = new ort.Tensor(type, pixels, shape);
    const before = performance.now();
    const { logits } = await session.run({ image }, ["logits"]);
    const milliseconds = performance.now() - before;
    firstRun ??= milliseconds;
    return { logits: Array.from(logits.data, Number), milliseconds };
  });
}

function typed(pixels) {
  const { type, height, width, channels } = demo.input;
  if (pixels.length !== height * width * channels) {
    throw new Error(
      `pixels must be ${height} x ${width} x ${channels} values in one row. ` +
        `Received: ${pixels.length}.`,
    );
  }
  return type === "uint8"
    ? Uint8Array.from(pixels)
    : Float32Array.from(pixels);
}

/** For tests: pixels in [0, 255], row by row -> logits. */
window.classify = async (pixels) => (await run(typed(pixels))).logits;

/** The softmax. */
function shares(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

// === Pictures ===

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  return { canvas, context };
}

/** The whole number that Python's `round` gives: halves become even ones. */
function rounded(x) {
  return x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

/**
 * How much each pixel of a side counts for each of a new one, antialiased. The
 * new one is the middle of the side resized by a ratio; null: the whole side.
 */
function weightsOf(from, to, ratio) {
  const whole = ratio === null ? to : rounded(from * ratio);
  const start = Math.floor((whole - to) / 2);
  const left = (start * from) / whole;
  const right = Math.min(((start + to) * from) / whole, from);
  const step = (right - left) / to;
  const reach = Math.max(step, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = left + (place + 0.5) * step;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const shares = [];
    for (let i = first; i < end; i += 1) {
      shares.push(Math.max(0, 1 - Math.abs(i + 0.5 - centre) / reach));
    }
    const sum = shares.reduce((x, y) => x + y, 0);
    return { first, shares: shares.map((share) => share / sum) };
  });
}

/** Weighs values that lie `stride` apart, rounded as Pillow rounds. */
function weighed(data, start, stride, shares) {
  let sum = 0.5;
  for (let i = 0; i < shares.length; i += 1) {
    sum += shares[i] * data[start + i * stride];
  }
  return Math.floor(sum);
}

/**
 * A picture in the model's size, as training reads it to be tested: bilinear,
 * antialiased, without regard to the aspect ratio, or its short side resized
 * and the centre cut out. Read in strips, for browsers that have no canvas as
 * large as a photo.
 */
function resized(picture, width, height, grey, shortSide = null) {
  const ratio =
    shortSide === null
      ? null
      : shortSide / Math.min(picture.width, picture.height);
  const across = weightsOf(picture.width, width, ratio);
  const narrow = new Uint8ClampedArray(picture.height * width * 4);
  const { context } = canvasOf(picture.width, STRIP);
  for (let top = 0; top < picture.height; top += STRIP) {
    const rows = Math.min(STRIP, picture.height - top);
    // Under a transparent picture lies white paper.
    context.fillStyle = "white";
    context.fillRect(0, 0, picture.width, rows);
    context.drawImage(picture, 0, -top);
    const strip = context.getImageData(0, 0, picture.width, rows);
    if (grey) {
      turnGrey(strip);
    }
    for (let row = 0; row < rows; row += 1) {
      for (let place = 0; place < width * 4; place += 1) {
        const { first, shares } = across[place >> 2];
        const start = (row * picture.width + first) * 4 + (place & 3);
        const value = weighed(strip.data, start, 4, shares);
        narrow[(top + row) * width * 4 + place] = value;
      }
    }
  }
  const image = new ImageData(width, height);
  const down = weightsOf(picture.height, height, ratio);
  for (const [row, { first, shares }] of down.entries()) {
    for (let place = 0; place < width * 4; place += 1) {
      const start = first * width * 4 + place;
      const value = weighed(narrow, start, width * 4, shares);
      image.data[row * width * 4 + place] = value;
    }
  }
  return image;
}

/** Makes a picture grey in place, as Pillow does: ITU-R BT.601. */
function turnGrey({ data }) {
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue] = data.subarray(i, i + 3);
    const grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
    data.fill(grey, i, i + 3);
  }
}

function pixelsOf({ data }) {
  const { channels } = demo.input;
  const pixels = [];
  for (let i = 0; i < data.length; i += 4) {
    for (let channel = 0; channel < channels; channel += 1) {
      pixels.push(data[i + channel]);
    }
  }
  return pixels;
}

async function decoded(blob, name) {
  try {
    // The file's own numbers, upright: no colour profile is applied.
    return await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(
      `${name} is not a picture that this browser can read. ` +
        "Choose a PNG, JPEG, GIF or WebP file.",
    );
  }
}

async function classifyPicture(blob, name, sample = null) {
  picks += 1;
  const mine = picks;
  const picture = await decoded(blob, name);
  const { height, width, channels, shortSide } = demo.input;
  const cut = sample === null ? shortSide : null; // samples are of this size
  const image = resized(picture, width, height, channels === 1, cut);
  picture.close();
  const pixels = typed(pixelsOf(image));
  const { logits } = await run(pixels);
  if (mine !== picks) {
    return;
  }
  part("problem").hidden = true;
  part("seen").getContext("2d").putImageData(image, 0, 0);
  part("seen").setAttribute("aria-label", name);
  for (const [i, button] of [...part("samples").children].entries()) {
    button.firstChild.setAttribute("aria-pressed", String(i === sample));
  }
  showRanking(shares(logits));
  document.body.dataset.shown = mine;
  await showTiming(pixels, mine);
}

// === What is shown ===

function say(text) {
  part("answer").textContent = text;
}

function showProblem(error) {
  part("problem").textContent = error.message;
  part("problem").hidden = false;
}

function inUnits(bytes) {
  return bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)}\u00a0kB`
    : `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}

function inPercent(share) {
  return share < 0.001 && share > 0
    ? "under 0.1 %"
    : `${(100 * share).toFixed(1)} %`;
}

function inMilliseconds(time) {
  return time < 0.1 ? "under 0.1\u00a0ms" : `${time.toFixed(1)}\u00a0ms`;
}

function className(index) {
  return demo.classNames ? demo.classNames[index] : `Class ${index}`;
}

function add(parent, tag, properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  parent.append(element);
  return element;
}

function describe() {
  const { type, height, width, channels, shortSide } = demo.input;
  const colours = channels === 1 ? "grey" : "colour";
  document.title = demo.name;
  part("name").textContent = demo.name;
  const classes = demo.classes ? [`${demo.classes} classes`] : [];
  for (const fact of [
    `Input ${width} × ${height}, ${colours}, ${type}`,
    ...classes,
    `Model ${inUnits(demo.bytes)}`,
  ]) {
    add(part("facts"), "li", { textContent: fact });
  }
  const way =
    shortSide === null
      ? `A picture of another size is resized to ${width} × ${height}`
      : `A picture's short side is resized to ${shortSide} pixels and ` +
        `${width} × ${height} cut out of the centre`;
  part("preparation").textContent =
    `${way}${channels === 1 ? " and turned grey" : ""}, as in training.`;
  Object.assign(part("seen"), { width, height });
  document.body.classList.toggle("coarse", Math.max(width, height) < COARSE);
  part("samples-part").hidden = !demo.samples.length;
  for (const [i, address] of demo.samples.entries()) {
    const button = add(add(part("samples"), "li"), "button", {
      type: "button",
      disabled: true,
      onclick: () => chooseSample(i),
    });
    button.setAttribute("aria-pressed", "false");
    add(button, "img", { src: address, alt: `Sample ${i + 1}` });
  }
}

function showRanking(values) {
  const order = [...values.keys()]
    .sort((a, b) => values[b] - values[a])
    .slice(0, SHOWN);
  const [best] = order;
  say(`${className(best)}, ${inPercent(values[best])}`);
  part("answer").className = "shown-below";
  // Bars that are there already move instead of being drawn anew.
  const rows = part("ranking");
  while (rows.children.length < order.length) {
    const row = add(rows, "li");
    add(row, "span", { className: "class" });
    add(row, "span", { className: "share" });
    add(add(row, "span", { className: "track" }), "span");
  }
  for (const [place, index] of order.entries()) {
    const [name, share, track] = rows.children[place].children;
    name.textContent = className(index);
    share.textContent = inPercent(values[index]);
    track.firstChild.style.width = `${100 * values[index]}%`;
  }
}

async function showTiming(pixels, mine) {
  const times = [];
  let spent = 0;
  while (times.length < WARM_RUNS && (!times.length || spent < PATIENCE)) {
    const { milliseconds } = await run(pixels);
    times.push(milliseconds);
    spent += milliseconds;
    if (mine !== picks) {
      return;
    }
  }
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  const runs = times.length === 1 ? "one run" : `${times.length} runs`;
  part("timing").textContent =
    `${inMilliseconds(median)} a picture (median of ${runs}). The first ` +
    `run after loading took ${inMilliseconds(firstRun)}.`;
  Object.assign(document.body.dataset, { median, first: firstRun });
}

// === Where pictures come from ===

async function choose(blob, name, sample) {
  try {
    await classifyPicture(blob, name, sample);
  } catch (error) {
    showProblem(error);
  }
}

function chooseSample(index) {
  const bytes = fromBase64(demo.samples[index].split(",")[1]);
  const blob = new Blob([bytes], { type: "image/png" });
  return choose(blob, `Sample ${index + 1}`, index);
}

function take(transfer, otherwise) {
  if (!session) {
    return;
  }
  const file = [...(transfer?.files ?? [])][0];
  if (file) {
    choose(file, file.name);
  } else {
    showProblem(new Error(otherwise));
  }
}

part("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) {
    choose(file, file.name);
  }
  event.target.value = ""; // the same file may be chosen again
});

document.addEventListener("paste", (event) =>
  take(
    event.clipboardData,
    "What was pasted holds no picture. Copy a picture, then paste it here.",
  ),
);

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("held-over");
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    document.body.classList.remove("held-over");
  }
});

document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("held-over");
  take(
    event.dataTransfer,
    "What was dropped is no file. Save the picture first, then drop its file.",
  );
});

start().catch((error) => {
  const served =
    location.protocol === "file:"
      ? "\nIf this browser opens no pages from files, run " +
        "`python -m http.server` in this folder and open " +
        "http://localhost:8000."
      : "";
  document.body.dataset.ready = "false";
  say("The model could not be loaded.");
  showProblem(new Error(`${error.message}${served}`));
});
