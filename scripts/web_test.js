/* Runs the program of the page (build/web/nmt.wasm, src/page/web/worker.js) under node, and compares it with the native
 * program, whose kernels are the generic ones: translations, the JSON of ./inspect, and the bytes of a trained model.
 *
 * usage: node scripts/web_test.js [STEPS]      (default: 300 steps of training)
 *        node scripts/web_test.js --speed      how fast it trains, in tokens a second of CPU time */
"use strict";
const {execFileSync} = require("node:child_process");
const {createHash} = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const vm = require("node:vm");

process.chdir(path.join(__dirname, ".."));
const MODEL = "build/web/run/model.gguf", CONFIG = "configs/live.ini";
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "web-test-"));
process.on("exit", () => fs.rmSync(folder, {recursive: true}));
const bin = name => path.resolve(process.env.NMT_BIN || "build/release/bin", name);
const native = (name, args, input) => execFileSync(bin(name), args,
  {input, encoding: "utf8", maxBuffer: 1 << 26, env: {...process.env, NMT_ISA: "generic"}, stdio: ["pipe", "pipe", "pipe"]});

let passed = 0, failed = 0;
function check(good, what) {
  if (good) return passed++;
  failed++;
  console.log("FAILED: " + what);
}

/* A worker, as the page has it: a context of its own, and messages. */
function worker(on_event = () => {}) {
  let answer;
  const copy = value => structuredClone(value);
  const context = vm.createContext({
    onmessage: null, performance, TextEncoder, TextDecoder, WebAssembly, setTimeout,
    postMessage: m => m.event ? setImmediate(on_event, copy(m.event)) : (answer = copy(m))
  });
  vm.runInContext(fs.readFileSync("src/page/web/worker.js", "utf8"), context);
  const ask = (call, values) => {
    context.onmessage({data: {id: 1, call, values}});
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  };
  ask.within = code => vm.runInContext(code, context);
  return ask;
}
const wasm = fs.readFileSync("build/web/nmt.wasm");
const file = name => new Uint8Array(fs.readFileSync(name));
const corpus = () => Object.fromEntries([CONFIG, "data/tiny/train.tsv", "data/tiny/valid.tsv"].map(f => [f, file(f)]));

/* The message of what must fail. */
function fails(work) {
  try {
    work();
    return "";
  } catch (error) {
    return error.message;
  }
}

/* Trains to the end; returns what the events were. */
function train(overrides, {look = 100, then} = {}) {
  return new Promise((resolve, reject) => {
    const events = [], ask = worker(event => {
      events.push(event);
      if (then && !event.done) then(event, ask);
      if (event.error) reject(new Error(event.error));
      if (event.done) resolve({events, done: event.done, ask});
    });
    ask("start", {wasm, files: corpus()});
    ask("train", {
      config: CONFIG, overrides: ["train.log_every=1", ...overrides].join("\n"), look,
      samples: [["the cat sat", "Le CHAT  s’est assis"]], /* the model says it in another spelling */
      example: ["please buy an apple and an orange", "apple unveiled the new phone"]
    });
  });
}
function train_native(overrides, name) {
  const run = path.join(folder, name);
  native("train", [CONFIG, `run.dir=${run}`, ...overrides]);
  return fs.readFileSync(path.join(run, "model.gguf"));
}

function translations() {
  const lines = fs.readFileSync("data/tiny/test.tsv", "utf8").trim().split("\n").slice(0, 200).map(l => l.split("\t")[0]);
  lines.push("", "   ", "Zorglub, 3.5 % — éà?", "the cat sat. the dog ran away! it is late", "the ".repeat(150).trim());
  const ask = worker();
  ask("start", {wasm, files: {[MODEL]: file(MODEL)}, model: MODEL});
  const said = native("translate", ["-m", MODEL, "--threads", "1"], lines.join("\n") + "\n").split("\n");
  const ours = lines.map(text => ask("translate", {text, knock: ""}));
  const wrong = lines.filter((_, i) => ours[i].text !== said[i]);
  check(wrong.length === 0, `translated as natively: "${wrong[0]}"`);
  check(ours.every(r => r.words.map(w => w.text).join(" ") === r.text.trim().replace(/ +/g, " ")), "words make up the text");
  check(ours.every(r => r.words.every(w => w.shares.length === r.source.length && w.source < r.source.length)),
    "every word has a share of each source word");
  return ask;
}

function spellings(ask) {
  for (const [text, normal] of [["", ""], [" Le CHAT\t dort. ", "le chat dort."], ["L’E\u0301te\u0301", "l'été"]])
    check(ask.within(`program.call("web_normalise", ${JSON.stringify(text)})`) === normal, `as the model spells it: "${text}"`);
  check(/expected an open model/.test(fails(() => {
    const none = worker();
    none("start", {wasm, files: {}});
    none.within('program.call("web_normalise", "a")');
  })), "without a model, there is no spelling");
}

function inspections(ask) {
  for (const [text, compare] of [["please buy an apple and an orange", "apple unveiled the new phone"], ["the cat sat", ""]]) {
    const args = ["-m", MODEL, "--threads", "1", "--json", text, ...(compare ? ["--compare", compare] : [])];
    const theirs = JSON.parse(native("inspect", args)), ours = ask("inspect", {text, compare, knock: ""});
    check(JSON.stringify(theirs) === JSON.stringify(ours), `inspected as natively: "${text}"`);
  }
  const alone = ask("inspect", {text: "the cat sat", compare: "apple unveiled the new phone", knock: ""});
  check(alone.format === "nmt.inspect", "a sentence without the word of the other is inspected alone");
}

function errors(ask) {
  const good = file(MODEL), before = ask("translate", {text: "the cat sat", knock: ""}).text;
  check(/not a GGUF file/.test(fails(() => ask("load", {bytes: new Uint8Array(100)}))), "bytes that are no model");
  check(fails(() => ask("load", {bytes: good.slice(0, good.length / 2)})), "half a model");
  const damaged = good.slice();
  damaged[damaged.length - 1000] ^= 1;
  check(/checksum|damaged/.test(fails(() => ask("load", {bytes: damaged}))), "a damaged model");
  check(fails(() => ask("load", {bytes: new Uint8Array(0)})), "an empty model");
  check(ask("translate", {text: "the cat sat", knock: ""}).text === before, "the model before stays open");
  ask("load", {bytes: good});
  check(Buffer.compare(Buffer.from(ask("model")), Buffer.from(good)) === 0, "a model comes out as it went in");
  check(/"nonsense"/.test(fails(() => ask("translate", {text: "the cat sat", knock: "nonsense"}))), "a knock-out that is not known");
  check(fails(() => ask("inspect", {text: "", compare: "", knock: ""})), "nothing to inspect");

  /* All memory is taken, but for what a text needs, or even that; then the program is lost, and the next call begins
   * another. */
  const loaded = worker();
  loaded("start", {wasm, files: {[MODEL]: good}, model: MODEL});
  for (const least of [1024, 1]) {
    loaded.within(`for (let size = 1 << 30; size >= ${least}; size >>= 1) while (program.c.web_alloc(size));`);
    const message = fails(() => loaded("inspect", {text: "the cat sat on the mat", compare: "", knock: ""}));
    check(/^out of memory: no room for/.test(message), `out of memory is said: "${message}"`);
    check(loaded("translate", {text: "the cat sat", knock: ""}).text === before, "after that, it translates again");
  }
  check(/memory|bounds/.test(fails(() => loaded.within('program.call("web_sha256", -1, 100)'))), "an end that nobody foresaw has a message");
  check(loaded("translate", {text: "the cat sat", knock: ""}).text === before, "after that, too");

  const trains = overrides => fails(() => {
    const one = worker();
    one("start", {wasm, files: corpus()});
    one("train", {config: CONFIG, overrides, look: 10, samples: [], example: ["the cat sat", ""]});
  });
  check(/did you mean "train.max_steps"/.test(trains("train.max_step=3")), "a key that does not exist");
  const huge = trains("model.width=8192");
  check(/^out of memory/.test(huge), `a model larger than the memory: "${huge}"`);
  check(/nothing\.tsv/.test(trains("data.train=nothing.tsv")), "pairs that are not there");
}

function sums(ask) {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const bytes = new Uint8Array(size).map((_, i) => i * 7);
    check(ask("sha256", {bytes}) === createHash("sha256").update(bytes).digest("hex"), `SHA-256 of ${size} bytes`);
  }
}

async function trainings(steps) {
  const overrides = [`train.max_steps=${steps}`, "valid.translate=50"];
  const {events, done} = await train(overrides);
  const theirs = train_native(overrides, "whole");
  check(Buffer.compare(Buffer.from(done.bytes), theirs) === 0, `${steps} steps give the bytes of the native program`);
  check(done.sha256 === createHash("sha256").update(theirs).digest("hex"), "and their SHA-256");
  const looks = events.filter(e => e.samples), numbers = events.filter(e => e.step).map(e => e.step);
  check(numbers.length === steps && numbers.every((n, i) => n === i + 1), "an event for each step");
  check(looks.every(e => e.inspect.model.step === e.step), "looks are at the model of the moment");
  const all = looks.map(e => e.samples[0]), wanted = "le chat s'est assis";
  check(all.every(s => s.target === wanted && s.right === (s.said === wanted)), "right is what differs in spelling only: " + JSON.stringify(all));
  check(events[steps - 1].loss < 0.9 * events[0].loss, "the loss falls");

  /* Paused, stepped, going on, stopped. The pause comes after the third step, on a busy machine some steps later. */
  const seen = [];
  await train(["train.max_steps=40", "valid.translate=1"], {
    look: 1000,
    then: (event, ask) => {
      seen.push([event.step, Boolean(event.samples)]);
      if (event.step !== 3 || event.samples) return;
      ask("pause");
      ask("step");
      ask("step");
      ask("go");
    }
  });
  check(seen.every(([n], i) => n === i + 1) && seen.length === 40, "paused, stepped and gone on: " + seen);
  check(seen.filter(([, looks]) => looks).length === 4, "the first step, two by hand and the last show what the model says: " + seen);
  const stopped = await new Promise(resolve => train(["train.max_steps=8"], {
    look: 1000, then: (event, ask) => event.step === 2 && resolve([ask("stop"), ask])
  }));
  const [{step, bytes}] = stopped, reader = worker();
  reader("start", {wasm, files: {"a.gguf": bytes}, model: "a.gguf"});
  check(step >= 2 && typeof reader("translate", {text: "the cat sat", knock: ""}).text === "string", "stopped, it leaves a model");
}

/* Target tokens a second of CPU time, in the page's program and natively on one thread. Only steps count: the corpus is
 * read and the vocabulary learnt before. Rounds take turns, for the machine may be busy with other things. */
async function speed() {
  const FIRST = 10, LAST = 90, cpu = () => process.cpuUsage().user / 1e6, rates = {wasm: [], generic: [], avx2: []};
  const natively = (isa, steps) => {
    const args = [bin("train"), CONFIG, `run.dir=${folder}/speed`, "--fresh", "train.threads=1", "valid.translate=1",
      `train.max_steps=${steps}`];
    const told = execFileSync("sh", ["-c", '"$@" 2>/dev/null; times', "sh", ...args],
      {encoding: "utf8", env: {...process.env, NMT_ISA: isa}});
    const [, minutes, seconds] = told.trim().split("\n")[1].match(/^(\d+)m([\d.]+)s/);
    return 60 * minutes + Number(seconds);
  };
  for (let round = 0; round < 3; round++) {
    let tokens = 0, began = 0, ended = 0;
    await train([`train.max_steps=${LAST + 1}`, "valid.translate=1"], {
      look: 1000, then: e => {
        if (e.step === FIRST) began = cpu();
        if (e.step > FIRST && e.step <= LAST) tokens += e.tokens;
        if (e.step === LAST) ended = cpu();
      }
    });
    rates.wasm.push(tokens / (ended - began));
    for (const isa of ["generic", "avx2"]) rates[isa].push(tokens / (natively(isa, LAST) - natively(isa, FIRST)));
  }
  const best = name => Math.max(...rates[name]), list = name => rates[name].map(r => Math.round(r)).join(", ");
  for (const name of Object.keys(rates)) console.log(`${name}: ${list(name)} target tokens a second of CPU time`);
  for (const isa of ["generic", "avx2"]) console.log(`wasm is ${(best("wasm") / best(isa)).toFixed(2)} of ${isa}`);
}

(async () => {
  if (process.argv[2] === "--speed") return speed();
  const ask = translations();
  spellings(ask);
  inspections(ask);
  errors(ask);
  sums(ask);
  await trainings(Number(process.argv[2] || 300));
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed ? 1 : 0;
})();
