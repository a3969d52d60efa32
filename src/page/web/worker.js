"use strict";
/* A worker of the page: the C program (src/web/web.h), compiled to WebAssembly, with its files in memory. The page
 * (engine.js) starts one to translate and one for each training; its text is in the page.
 *
 * Messages to it: {id, call, values}; from it: {id, result} or {id, error: text}, and {event} while it trains. */

/* What wasi-libc asks of a system, as far as the program needs it: memory files, a clock, and stderr as text. */
class System {
  constructor() {
    this.files = new Map(); /* path -> {bytes, size, number}, with room behind `size` */
    this.folders = new Set([""]);
    this.open = new Map(); /* descriptor -> {file, at, append} */
    this.said = "";        /* on stderr */
    this.next = 4;
  }

  put(path, bytes) { this.files.set(path, {bytes, size: bytes.length, number: this.next++}); }
  get(path) {
    const file = this.files.get(path);
    return file && file.bytes.subarray(0, file.size);
  }

  write(file, at, bytes) {
    const end = at + bytes.length;
    if (end > file.bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * file.bytes.length));
      larger.set(file.bytes.subarray(0, file.size));
      file.bytes = larger;
    }
    file.bytes.set(bytes, at);
    file.size = Math.max(file.size, end);
  }

  /* The functions by the names of WASI (snapshot preview 1), which return its error numbers. */
  imports(memory) {
    const OK = 0, BAD_FILE = 8, EXISTS = 20, NO_ENTRY = 44, NOT_THERE = 52, NO_FOLDER = 54;
    const FOLDER = 3, REGULAR = 4, CHARACTERS = 2, ALL = 0xffffffffffffffffn;
    const view = () => new DataView(memory().buffer), bytes = (at, size) => new Uint8Array(memory().buffer, at, size);
    const text = (at, size) => new TextDecoder().decode(bytes(at, size));
    const path = (at, size) => text(at, size).split("/").filter(part => part && part !== ".").join("/");
    const put64 = (at, value) => view().setBigUint64(at, BigInt(value), true);
    const parts = (list, count) => Array.from(
      {length: count}, (_, i) => bytes(view().getUint32(list + 8 * i, true), view().getUint32(list + 8 * i + 4, true)));
    const stat = (out, kind, file) => {
      bytes(out, 64).fill(0);
      put64(out + 8, file ? file.number : 1);
      view().setUint8(out + 16, kind);
      put64(out + 24, 1);
      put64(out + 32, file ? file.size : 0);
      return OK;
    };
    const read = (file, at, list, count, done) => {
      let total = 0;
      for (const part of parts(list, count)) {
        const from = file.bytes.subarray(at + total, Math.min(file.size, at + total + part.length));
        part.set(from);
        total += from.length;
      }
      view().setUint32(done, total, true);
      return total;
    };
    const known = {
      environ_sizes_get: (count, size) => (view().setUint32(count, 0, true), view().setUint32(size, 0, true), OK),
      environ_get: () => OK,
      clock_time_get: (clock, precision, out) => (put64(out, Math.round(performance.now() * 1e6)), OK),
      proc_exit: code => { throw new Error("the program ended with code " + code); },
      fd_prestat_get: (fd, out) => {
        if (fd !== 3) return BAD_FILE;
        view().setUint32(out, 0, true);
        view().setUint32(out + 4, 1, true);
        return OK;
      },
      fd_prestat_dir_name: (fd, out) => (bytes(out, 1)[0] = 47, OK),
      fd_fdstat_get: (fd, out) => {
        if (fd > 3 && !this.open.has(fd)) return BAD_FILE;
        bytes(out, 24).fill(0);
        view().setUint8(out, fd === 3 ? FOLDER : fd < 3 ? CHARACTERS : REGULAR);
        put64(out + 8, ALL);
        put64(out + 16, ALL);
        return OK;
      },
      fd_fdstat_set_flags: () => OK,
      fd_filestat_get: (fd, out) => {
        const it = this.open.get(fd);
        return it ? stat(out, REGULAR, it.file) : fd < 3 ? stat(out, CHARACTERS) : fd === 3 ? stat(out, FOLDER) : BAD_FILE;
      },
      fd_filestat_set_size: (fd, size) => {
        const it = this.open.get(fd);
        if (!it) return BAD_FILE;
        const grows = Number(size) - it.file.size;
        if (grows > 0) this.write(it.file, it.file.size, new Uint8Array(grows));
        it.file.size = Number(size);
        return OK;
      },
      fd_read: (fd, list, count, done) => {
        const it = this.open.get(fd);
        if (!it) return BAD_FILE;
        it.at += read(it.file, it.at, list, count, done);
        return OK;
      },
      fd_pread: (fd, list, count, at, done) => {
        const it = this.open.get(fd);
        if (!it) return BAD_FILE;
        read(it.file, Number(at), list, count, done);
        return OK;
      },
      fd_write: (fd, list, count, done) => {
        const it = this.open.get(fd);
        if (!it && fd > 2) return BAD_FILE;
        let total = 0;
        for (const part of parts(list, count)) {
          if (!it) {
            this.said += new TextDecoder().decode(part);
          } else {
            if (it.append) it.at = it.file.size;
            this.write(it.file, it.at, part);
            it.at += part.length;
          }
          total += part.length;
        }
        view().setUint32(done, total, true);
        return OK;
      },
      fd_seek: (fd, offset, whence, out) => {
        const it = this.open.get(fd);
        if (!it) return BAD_FILE;
        it.at = Number(offset) + [0, it.at, it.file.size][whence];
        put64(out, it.at);
        return OK;
      },
      fd_sync: () => OK,
      fd_close: fd => this.open.delete(fd) ? OK : BAD_FILE,
      path_open: (folder, follow, at, size, how, rights, more, flags, out) => {
        const CREATE = 1, DIRECTORY = 2, EXCLUSIVE = 4, TRUNCATE = 8, APPEND = 1, name = path(at, size);
        if (how & DIRECTORY || this.folders.has(name)) return NO_FOLDER;
        if (this.files.has(name) ? how & EXCLUSIVE : !(how & CREATE)) return this.files.has(name) ? EXISTS : NO_ENTRY;
        if (!this.files.has(name)) this.put(name, new Uint8Array(0));
        const file = this.files.get(name), fd = this.next++;
        if (how & TRUNCATE) file.size = 0;
        this.open.set(fd, {file, at: 0, append: flags & APPEND});
        view().setUint32(out, fd, true);
        return OK;
      },
      path_filestat_get: (folder, flags, at, size, out) => {
        const name = path(at, size);
        if (this.files.has(name)) return stat(out, REGULAR, this.files.get(name));
        return this.folders.has(name) ? stat(out, FOLDER) : NO_ENTRY;
      },
      path_create_directory: (folder, at, size) => {
        if (this.folders.has(path(at, size))) return EXISTS;
        this.folders.add(path(at, size));
        return OK;
      },
      path_remove_directory: (folder, at, size) => this.folders.delete(path(at, size)) ? OK : NO_ENTRY,
      path_rename: (folder, from, size, folder2, to, size2) => {
        const file = this.files.get(path(from, size));
        if (!file) return NO_ENTRY;
        this.files.set(path(to, size2), file);
        this.files.delete(path(from, size));
        return OK;
      },
      path_unlink_file: (folder, at, size) => this.files.delete(path(at, size)) ? OK : NO_ENTRY
    };
    return {wasi_snapshot_preview1: new Proxy(known, {get: (all, name) => all[name] || (() => NOT_THERE)})};
  }
}

/* The program, running. Where it comes to an unforeseen end or has no more memory, it is lost, and the next call begins
 * another. */
class Program {
  constructor(wasm, files) {
    this.module = new WebAssembly.Module(wasm);
    this.system = new System();
    for (const [path, bytes] of Object.entries(files)) this.system.put(path, bytes);
    this.c = null;
    this.model = null; /* the path of the open model */
  }

  start() {
    this.system.open.clear();
    const instance = new WebAssembly.Instance(this.module, this.system.imports(() => instance.exports.memory));
    this.c = instance.exports;
    this.c._initialize();
    if (this.model) this.call("web_open", this.model);
  }

  /* A block with these bytes and a NUL. */
  block(bytes) {
    const at = this.c.web_alloc(bytes.length + 1);
    if (at === 0) throw new Error("out of memory: no room for " + bytes.length + " bytes");
    new Uint8Array(this.c.memory.buffer).set(bytes, at);
    new Uint8Array(this.c.memory.buffer)[at + bytes.length] = 0;
    return at;
  }

  /* Calls a function of web.h with texts or bytes, and returns the text of its answer. */
  call(name, ...values) {
    if (!this.c) this.start();
    this.system.said = "";
    let good, answer;
    try {
      const blocks = values.map(v => typeof v === "string" ? this.block(new TextEncoder().encode(v)) : v);
      good = this.c[name](...blocks);
      answer = new TextDecoder().decode(
        new Uint8Array(this.c.memory.buffer, this.c.web_answer(), this.c.web_answer_size()));
      blocks.forEach((block, i) => typeof values[i] === "string" && this.c.web_free(block));
    } catch (error) {
      this.c = null;
      const last = this.system.said.trim().split("\n").pop();
      throw new Error(last || error.message);
    }
    if (good) return answer;
    if (answer.startsWith("out of memory")) this.c = null;
    throw new Error(answer);
  }

  json(name, ...values) { return JSON.parse(this.call(name, ...values)); }

  open(path) {
    this.call("web_open", path);
    this.model = path;
  }

  sha256(bytes) {
    if (!this.c) this.start();
    const at = this.block(bytes), sum = this.call("web_sha256", at, bytes.length);
    this.c.web_free(at);
    return sum;
  }
}

let program = null, training = null;

/* What the page can ask for. */
const calls = {
  /* wasm: its bytes; files: {path: bytes}; model: the path of the one to open, if any. */
  start({wasm, files, model}) {
    program = new Program(wasm, files);
    if (model) program.open(model);
  },

  load({bytes}) {
    const path = program.model === "one.gguf" ? "other.gguf" : "one.gguf", before = program.model;
    program.system.put(path, bytes);
    try {
      program.open(path);
    } catch (error) {
      program.system.files.delete(path); /* its path here, and what an environment could allow, say nothing in a page */
      throw new Error(error.message.replace(path + ": ", "").replace(/; if it was changed on purpose.*/, ""));
    }
    if (before) program.system.files.delete(before);
  },

  model() { return program.system.get(program.model).slice(); },

  translate({text, knock}) {
    const began = performance.now(), result = program.json("web_translate", text, knock);
    return {...result, ms: performance.now() - began};
  },

  inspect({text, compare, knock}) { return program.json("web_inspect", text, compare, knock); },

  sha256({bytes}) { return program.sha256(bytes); },

  /* config: the path of one; overrides: lines key=value; samples: [[source, target], ...]; example: [text, compare];
   * look: steps between two looks. */
  train({config, overrides, samples, example, look}) {
    const about = program.json("web_train", config, overrides);
    training = {...about, samples, example, look, paused: false, over: false, read: {}, tokens: 0, seconds: 0};
    setTimeout(train);
    return about;
  },
  pause() { training.paused = true; },
  go() {
    if (training.paused && !training.over) setTimeout(train);
    training.paused = false;
  },
  /* One step, and a look. */
  step() {
    training.paused = true;
    if (!training.over) finish(() => advance(true));
  },
  /* The model as it is now. */
  stop() {
    training.paused = training.over = true;
    program.call("web_look", "now.gguf");
    return {step: training.step || 0, bytes: program.system.get("now.gguf").slice()};
  }
};

/* The lines of a file of the run that are new. */
function news(path) {
  const bytes = program.system.get(path), from = training.read[path] || 0;
  training.read[path] = bytes.length;
  return new TextDecoder().decode(bytes.subarray(from)).split("\n").filter(Boolean).map(line => JSON.parse(line));
}

/* What the model says now, and all that it computes for the example. */
function lookNow() {
  program.call("web_look", "now.gguf");
  const samples = training.samples.map(([source, target]) => {
    const {text} = program.json("web_translate", source, "");
    const normal = t => program.call("web_normalise", t), wanted = normal(target); /* as src/train/measure.c compares */
    return {source, said: text, target: wanted, right: normal(text) === wanted};
  });
  let inspect = null;
  try {
    inspect = program.json("web_inspect", ...training.example, "");
  } catch (error) { /* an example that is too long for this model; the training goes on */
  }
  return {samples, inspect, galaxy: inspect && inspect.galaxy, bytes: program.system.get("now.gguf").slice()};
}

/* A step, and a look where one is due. */
function advance(looks) {
  const {step, over, seconds} = program.json("web_step");
  training.step = step;
  training.over = over;
  training.seconds += seconds;
  const event = {step, last: training.last_step, frames: news(training.film)};
  for (const line of news(training.log)) {
    if (line.kind === "train") {
      training.tokens += line.tokens;
      Object.assign(event, {tokens: line.tokens, loss: line.loss, nll: line.nll, rate: line.rate, norm: line.norm});
    } else if (line.kind === "valid") {
      event.valid = line;
    } else {
      event.note = line;
    }
  }
  event.tokens_per_second = training.tokens / training.seconds;
  if (!over && (looks || step % training.look === 0 || step === 1 || step === training.last_step))
    Object.assign(event, lookNow());
  if (!over) postMessage({event});
}

function finish(work) {
  try {
    work();
    if (!training.over) return;
    const bytes = program.system.get(training.model).slice();
    postMessage({event: {done: {bytes, sha256: program.sha256(bytes), step: training.step,
      tokens_per_second: training.tokens / training.seconds}}});
  } catch (error) {
    training.over = true;
    postMessage({event: {error: error.message}});
  }
}

/* Steps for a moment; then messages are read. */
function train() {
  if (training.paused || training.over) return;
  finish(() => {
    const until = performance.now() + 40;
    do advance(false);
    while (!training.over && performance.now() < until);
  });
  if (!training.over) setTimeout(train);
}

onmessage = ({data: {id, call, values}}) => {
  try {
    postMessage({id, result: calls[call](values || {})});
  } catch (error) {
    postMessage({id, error: error.message});
  }
};
