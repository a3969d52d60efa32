"use strict";
/* The engine: the C program in the page (worker.js), and what the page asks of it. All functions return promises; what
 * goes wrong rejects them with an Error whose message is the program's own.
 *
 *     const engine = await engine_open()
 *     engine.translate(text, {knock})           {text, source: [words], words: [{text, source, shares}], unseen, ms}
 *     engine.inspect(text, {compare, knock})    the JSON of ./inspect (src/inspect/FORMAT.md)
 *     engine.model_bytes()                      the open model.gguf, as bytes
 *     engine.load(bytes)                        opens another
 *     engine.shipped                            {sha256, command}: of the page's own model, and how to make it
 *     engine.train({config, pairs, look, samples, example, watch})     begins a training from nothing
 *
 * knock: names of what the model does without. config: the text of an INI file, or lines key=value that change the
 * page's own config; null: as it is. pairs: lines "source TAB target"; null: the shipped corpus. Every `look` steps the
 * samples [[source, target], ...] are translated and the example [text, compare] is inspected.
 *
 * A training has pause(), go(), step(), stop() and the promise done. It calls watch({step, last, loss,
 * tokens_per_second, frames}) after each step. frames: the frames of the film that are new (src/train/film.h), which
 * filmPlayer of film.js plays. {valid} is there after a validation (src/train/log.h), {note} where the program has
 * something to say; and after a look {samples: [{source, said, target, right}], inspect, galaxy, bytes}; there, a target
 * has the spelling that the model says. done gives {bytes, sha256, step, command, tokens_per_second}; after stop(),
 * without a command. */

const engine_config = "configs/live.ini"; /* of the model in the page, and its path for ./train, too */
const engine_files = ["train.tsv", "valid.tsv"];

/* Bytes that the page holds as text: gzip, then base64. */
async function engine_unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* A worker, as a function that asks it. */
function engine_worker(on_event) {
  const url = URL.createObjectURL(new Blob([document.getElementById("worker").textContent], {type: "text/javascript"}));
  const worker = new Worker(url), waiting = new Map();
  let next = 1;
  const fail = message => {
    for (const {reject} of waiting.values()) reject(new Error(message));
    waiting.clear();
    if (on_event) on_event({error: message});
  };
  worker.onmessage = ({data: {id, result, error, event}}) => {
    if (event) return on_event(event);
    const {resolve, reject} = waiting.get(id);
    waiting.delete(id);
    if (error === undefined)
      resolve(result);
    else
      reject(new Error(error));
  };
  worker.onerror = e => {
    e.preventDefault();
    fail(e.message || "the worker could not be started");
  };
  const ask = (call, values, give = []) => new Promise((resolve, reject) => {
    waiting.set(next, {resolve, reject});
    worker.postMessage({id: next++, call, values}, give);
  });
  ask.end = () => {
    worker.terminate();
    URL.revokeObjectURL(url);
    for (const {reject} of waiting.values()) reject(new Error("the worker has ended"));
    waiting.clear();
  };
  return ask;
}

async function engine_open() {
  const wasm = await engine_unpack("wasm"), model = await engine_unpack("model");
  const files = {[engine_config]: new TextEncoder().encode(document.getElementById("config").textContent.trim() + "\n")};
  const ask = engine_worker();
  const names = knock => (knock || []).join(",");
  await ask("start", {wasm, files: {"model.gguf": model}, model: "model.gguf"});

  return {
    shipped: {sha256: await ask("sha256", {bytes: model}), command: `NMT_ISA=generic ./train ${engine_config} --fresh`},
    translate: (source, {knock} = {}) => ask("translate", {text: source, knock: names(knock)}),
    inspect: (source, {compare, knock} = {}) =>
      ask("inspect", {text: source, compare: compare || "", knock: names(knock)}),
    model_bytes: () => ask("model"),
    load: bytes => ask("load", {bytes}),
    train: options => engine_train(wasm, files, options)
  };
}

/* The sentences that are watched while it trains. */
const engine_samples = [["the cat sat", "le chat s'est assis"]];
const engine_example = ["please buy an apple and an orange", "apple unveiled the new phone"];

async function engine_train(wasm, files, {config, pairs, look, samples, example, watch}) {
  let path = engine_config, overrides = [];
  for (const name of engine_files) {
    const file = "data/tiny/" + name;
    if (!files[file]) files[file] = await engine_unpack(name);
  }
  const mine = {...files};
  if (config && /^\s*\[/m.test(config)) {
    path = "page.ini";
    mine[path] = new TextEncoder().encode(config);
  } else if (config) {
    overrides = config.split("\n").map(line => line.replace(/\s*=\s*/, "=").trim()).filter(Boolean);
  }
  if (pairs) {
    mine["pairs.tsv"] = new TextEncoder().encode(pairs);
    overrides.push("data.train=pairs.tsv", "data.valid=pairs.tsv");
  }
  let settle;
  const done = new Promise((resolve, reject) => { settle = {resolve, reject}; });
  done.catch(() => {}); /* who does not wait for the end needs no message */
  const command = `NMT_ISA=generic ./train ${[path, ...overrides].join(" ")} --fresh`;
  const ask = engine_worker(event => {
    if (!event.done && !event.error) return watch && watch(event);
    ask.end();
    if (event.error)
      settle.reject(new Error(event.error));
    else
      settle.resolve({...event.done, command});
  });
  try {
    await ask("start", {wasm, files: mine});
    const about = await ask("train", {
      config: path, /* a line of the log for each step changes nothing in the model */
      overrides: [...overrides, "train.log_every=1"].join("\n"),
      samples: samples || engine_samples,
      example: example || engine_example,
      look: look || 20
    });
    return {
      ...about,
      done,
      pause: () => ask("pause"),
      go: () => ask("go"),
      step: () => ask("step"),
      stop: async () => {
        const {step, bytes} = await ask("stop");
        ask.end();
        settle.resolve({step, bytes, sha256: null, command: null});
      }
    };
  } catch (error) {
    ask.end();
    throw error;
  }
}
