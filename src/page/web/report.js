/* Draws the page of a training run from what ./train put into #data: the state of the run, and log.jsonl and film.jsonl
 * line by line (src/train/log.h, src/train/film.h). */
'use strict';
const run = JSON.parse(document.getElementById('data').textContent);
const parsed = lines => (lines ?? []).flatMap(line => {
    try { return [JSON.parse(line)]; } catch { return []; } /* torn, when the disk was full */
}).filter(line => line && Number.isFinite(line.step));
const log = parsed(run.log), film = parsed(run.film);
const train = log.filter(line => line.kind === 'train');
const valid = log.filter(line => line.kind === 'valid');
const state = run.state;

/* ---- Small tools ---- */

const $ = id => document.getElementById(id);

const whole = x => Math.round(x).toLocaleString('en');
const fixed = digits => x => x.toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits});
const digits3 = x => x === 0 ? '0' : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2) :
    x.toLocaleString('en', {maximumSignificantDigits: Math.abs(x) >= 1000 ? 6 : 4});

const finite = x => typeof x === 'number' ? x : NaN; /* null: not finite, or not there */
const told = (x, format) => Number.isFinite(x) ? format(x) : 'none';

function duration(seconds) {
    const minutes = Math.round(seconds / 60);
    return seconds < 90 ? `${Math.round(seconds)} s` : minutes < 90 ? `${minutes} min` :
        `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function facts(list, pairs) {
    for (const [name, value] of pairs) list.append(html('div', {}, html('dt', {}, name), html('dd', {}, value)));
}

/* ---- The head of the page ---- */

function drawHead() {
    document.title = `${run.name}: training`;
    $('name').textContent = run.name;
    const at = whole(state.step), share = state.last_step ? Math.min(1, state.step / state.last_step) : 1;
    const seconds = run.log_each * /* of so many lines, the page has one */
        train.reduce((sum, l) => sum + (l.tokens_per_second > 0 ? l.tokens / l.tokens_per_second : 0), 0);
    const left = seconds > 0 ?
        `, about ${duration(seconds / train[train.length - 1].step * (state.last_step - state.step))} left` : '';
    $('status').textContent = {
        running: `In training: at step ${at} of ${whole(state.last_step)} (${Math.floor(100 * share)}%) when ` +
            `this page was written${left}. Each validation writes it again; then load it again.`,
        finished: `Finished: ${at} steps.`,
        stalled: `Stopped early at step ${at}: no better model in ${whole(state.stalled)} validations. To go on, raise ` +
            'valid.patience above that.',
        stopped: `Stopped after step ${at} of ${whole(state.last_step)}, everything saved; the same command continues.`,
        unsaved: `Ended at step ${at}, but the last save failed; the same command continues from the one before.`,
        failed: `Failed at step ${at}.`,
    }[run.status];
    if (run.status === 'running' || run.status === 'stopped')
        $('progress').append(html('progress', {value: share, max: 1, 'aria-label': 'share of the steps'}));
    if (run.status === 'running') $('progress').append(reloadBox());
    const best = valid.filter(l => l.step === state.best_step).pop();
    const figures = [];
    if (best) {
        figures.push(['the best model is that of step', whole(best.step)], ['its loss', told(best.loss, fixed(4))]);
        if (best.bleu !== undefined)
            figures.push(['BLEU', told(best.bleu, fixed(2))],
                ['exactly right', told(100 * finite(best.exact), x => `${fixed(1)(x)}%`)]);
        if (best.sentences > 0) figures.push(['of sentences', whole(best.sentences)]);
        if (best.cut > 0) figures.push(['cut by the length limit', whole(best.cut)]);
    }
    if (state.stalled > 0) figures.push(['validations since, none of them better', whole(state.stalled)]);
    if (state.skipped > 0) figures.push(['steps that changed nothing', whole(state.skipped)]);
    figures.push(['passes over the pairs', whole(state.epoch)]);
    if (seconds > 0) figures.push(['time', duration(seconds)]);
    facts($('facts'), figures);
    facts($('machine'), [['processor', run.machine.cpu], ['instruction set', run.machine.instruction_set],
        ['threads', whole(run.machine.threads)], ['precision', run.machine.precision], ['nmt.c', run.machine.version],
        ['parameters', whole(run.model.parameters)], ['vocabulary', `${whole(run.model.vocabulary)} tokens`],
        ['training pairs', `${whole(run.model.pairs)} (${whole(run.model.target_tokens)} target tokens)`],
        ['validation pairs', whole(run.model.valid_pairs)]]);
    $('config').textContent = run.config;
}

/* For whoever leaves the page open beside a run. */
function reloadBox() {
    const box = html('input', {type: 'checkbox'});
    let timer;
    const set = () => {
        clearTimeout(timer);
        if (box.checked) timer = setTimeout(() => location.reload(), 60000);
    };
    try { box.checked = sessionStorage.getItem('reload') === 'yes'; } catch { /* no storage here */ }
    box.addEventListener('change', () => {
        try { sessionStorage.setItem('reload', box.checked ? 'yes' : 'no'); } catch { /* no storage here */ }
        set();
    });
    set();
    return html('label', {class: 'reload'}, box, ' load it again every minute');
}

/* ---- Why the loss is what it is ---- */

/* The value of a key of the config, "section.name"; NaN when it is not a number. */
function setting(key) {
    const [section, name] = key.split('.');
    const lines = (run.config.split(`[${section}]\n`)[1] ?? '').split('\n[')[0].split('\n');
    return parseFloat(lines.find(line => line.startsWith(`${name} =`))?.split('=')[1]);
}

/* The least loss there can be with label smoothing e (src/nn/loss.h): that of a model whose probabilities are just the
 * smoothed ones, of V tokens; their entropy. */
function leastLoss() {
    const e = setting('train.label_smoothing'), V = run.model.vocabulary, right = 1 - e + e / V;
    return e > 0 ? -right * Math.log(right) - (V - 1) * (e / V) * Math.log(e / V) : 0;
}

function lossNote() {
    const e = setting('train.label_smoothing'), drops = setting('model.dropout'), lines = [];
    lines.push('How surprised the model is by the right next token; lower is better.');
    if (e > 0)
        lines.push(`Label smoothing (${e}) asks for a little doubt: ${digits3(100 * (1 - e))}% for the right token, and the ` +
            `rest for all ${whole(run.model.vocabulary)} alike. So no loss can be below ${fixed(3)(leastLoss())} (dotted).`);
    if (setting('train.rdrop') > 0)
        lines.push('In training, R-Drop reads each sentence twice and adds how different the two answers are.');
    const last = list => list.map(l => finite(l.loss)).filter(Number.isFinite).pop();
    if (drops > 0 && last(valid) < last(train))
        lines.push(`Validation is lower than training. Dropout switches off ${digits3(100 * drops)}% of the values at random, ` +
            'and only in training. The training figure is also a mean over all steps since the last figure.');
    return lines.join(' ');
}

function clipNote() {
    const most = setting('train.clip_norm');
    return 'How steep the way down is.' + (most > 0 ? ` What is above ${digits3(most)} is shortened to that.` : '') +
        (skippedSteps().length ? ' Marks below: steps that changed nothing, as the gradient was far too long.' : '');
}

/* ---- Charts ---- */

/* [step, value] of each line that has the value; p.gap: lines before it had none, and nothing is drawn there. */
function points(lines, value) {
    const out = [];
    let gap = false;
    for (const line of lines) {
        const p = [line.step, value(line)];
        if (Number.isFinite(p[1])) {
            p.gap = gap;
            out.push(p);
        }
        gap = !Number.isFinite(p[1]);
    }
    return out;
}

const charts = [
    {title: 'Loss', unit: 'a target token', format: fixed(3), best: 'top', note: lossNote(), floor: leastLoss(), series: [
        {name: 'training', points: points(train, l => finite(l.loss))},
        {name: 'validation', points: points(valid, l => finite(l.loss)), dots: true}]},
    {title: 'Perplexity', unit: 'logarithmic scale', format: digits3, log: true, best: 'top',
        note: 'Among how many tokens it hesitates: 1 is certain, 10 is one of ten.', series: [
        {name: 'training', points: points(train, l => Math.exp(finite(l.nll)))},
        {name: 'validation', points: points(valid, l => finite(l.perplexity)), dots: true}]},
    {title: 'Translations', unit: 'of the validation sentences', format: fixed(1), zero: true, best: 'bottom',
        note: 'BLEU: how many words and phrases are those of the reference, 100 at most. Exactly right: whole sentences.', series: [
        {name: 'BLEU', points: points(valid, l => finite(l.bleu)), dots: true},
        {name: 'exactly right, %', points: points(valid, l => 100 * finite(l.exact)), dots: true}]},
    {title: 'Learning rate', unit: '', format: digits3, zero: true, note: 'How far a step moves the weights.', series: [
        {name: 'learning rate', points: points(train, l => finite(l.rate))}]},
    {title: 'Gradient norm', unit: '', format: digits3, zero: true, marks: skippedSteps(), note: clipNote(), series: [
        {name: 'norm', points: points(train, l => finite(l.norm))}]},
    {title: 'Speed', unit: 'target tokens a second', format: whole, zero: true, note: '', series: [
        {name: 'tokens/s', points: points(train, l => finite(l.tokens_per_second))}]},
];

/* Steps that have a line of their own, and those of training lines with more skipped steps than the one before. */
function skippedSteps() {
    const more = train.filter((l, i) => l.skipped > (i ? train[i - 1].skipped : 0));
    return [...log.filter(l => l.kind === 'skip'), ...more].map(l => l.step);
}

/* Round numbers from low to high, about `count` of them. */
function ticks(low, high, count) {
    const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find(m => m * power >= raw * 0.999);
    const out = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
        out.push(Number((i * step).toPrecision(12)));
    return out;
}

function logTicks(low, high) {
    const out = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const m of [1, 2, 5]) out.push(Number((m * 10 ** power).toPrecision(6)));
    const inside = out.filter(t => t >= low * 0.999 && t <= high * 1.001);
    const tens = inside.filter(t => /^10*$|^0\.0*1$/.test(String(t)));
    return inside.length > 7 && tens.length > 2 ? tens : inside;
}

/* For an axis that reaches up to `most`. */
const tickText = (x, most) => x === 0 ? '0' : most >= 1e6 ? `${x / 1e6}M` : most >= 1e4 ? `${x / 1e3}k` :
    Math.abs(x) < 1e-3 ? x.toExponential().replace('e-', 'e\u2212') :
        x.toLocaleString('en', {maximumFractionDigits: 6});

const allSteps = [...new Set(log.map(l => l.step))].sort((a, b) => a - b);
const lastStep = Math.max(1, state.step, ...allSteps.slice(-1));
let cursor = null; /* a step that all charts point at */

/* The point of a series at a step or the nearest to it, by bisection. */
function nearest(list, step) {
    let low = 0, high = list.length - 1;
    while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (list[middle][0] <= step) low = middle; else high = middle;
    }
    return low < high && Math.abs(list[high][0] - step) < Math.abs(list[low][0] - step) ? list[high] : list[low];
}

function addChart(chart) {
    chart.series = chart.series.filter(s => s.points.length > 0);
    if (chart.series.length === 0) return;
    chart.steps = [...new Set(chart.series.flatMap(s => s.points.map(p => p[0])))].sort((a, b) => a - b);
    chart.read = html('p', {class: 'read'});
    chart.svg = svg('svg', {class: 'chart', tabindex: 0, role: 'slider', 'aria-label': `${chart.title}: step`,
        'aria-valuemin': chart.steps[0], 'aria-valuemax': chart.steps[chart.steps.length - 1]});
    const table = html('details', {}, html('summary', {}, 'As a table'));
    table.addEventListener('toggle', () => {
        if (table.open && table.children.length === 1)
            table.append(html('div', {class: 'scroll', tabindex: 0, role: 'region',
                'aria-label': `${chart.title}, table`}, seriesTable(chart)));
    });
    const title = html('h3', {}, chart.title, ' ', html('span', {}, chart.unit));
    $('charts').append(html('figure', {}, title, chart.read, chart.svg,
        chart.note ? html('figcaption', {}, chart.note) : null, table));
    const point = event => {
        const x = (event.clientX - chart.svg.getBoundingClientRect().left - chart.left) / chart.width * lastStep;
        setCursor(nearest(chart.steps.map(s => [s]), x)[0]);
    };
    chart.svg.addEventListener('pointermove', point);
    chart.svg.addEventListener('pointerdown', point);
    chart.svg.addEventListener('pointerleave', () => { if (document.activeElement !== chart.svg) setCursor(null); });
    chart.svg.addEventListener('focus', () => { if (cursor === null) setCursor(chart.steps[chart.steps.length - 1]); });
    chart.svg.addEventListener('blur', () => setCursor(null));
    chart.svg.addEventListener('keydown', event => walk(chart, event));
    new ResizeObserver(() => drawChart(chart)).observe(chart.svg.parentElement);
    drawChart(chart);
}

function walk(chart, event) {
    const last = chart.steps.length - 1, page = Math.max(1, Math.round(last / 10));
    const move = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page, Home: -last,
        End: last}[event.key];
    if (move === undefined) {
        if (event.key === 'Escape') setCursor(null);
        return;
    }
    event.preventDefault();
    const here = cursor === null ? last : chart.steps.indexOf(nearest(chart.steps.map(s => [s]), cursor)[0]);
    setCursor(chart.steps[Math.min(last, Math.max(0, here + move))]);
}

function setCursor(step) {
    if (cursor === step) return;
    cursor = step;
    charts.forEach(drawCursor);
}

function drawChart(chart) {
    const box = chart.svg.parentElement, style = getComputedStyle(box);
    const width = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight), height = 210;
    if (width < 80) return;
    const values = chart.series.flatMap(s => s.points.map(p => p[1])).filter(v => !chart.log || v > 0);
    if (chart.floor > 0) values.push(chart.floor);
    let low = Math.min(...values), high = Math.max(...values);
    if (chart.zero) low = Math.min(0, low);
    if (low === high) {
        const room = (Math.abs(low) || 1) / 10;
        [low, high] = [low - room, high + room];
    }
    const scale = chart.log ? Math.log : x => x;
    let lines = chart.log ? logTicks(low, high) : ticks(low, high, 5);
    if (chart.log && lines.length < 2) lines = ticks(low, high, 4);
    const labels = lines.map(x => tickText(x, chart.log ? x : high));
    const left = chart.left = 12 + 6.6 * Math.max(...labels.map(l => l.length)), right = 10, top = 8, bottom = 34;
    chart.width = width - left - right;
    const margin = (scale(high) - scale(low)) * 0.04, base = chart.zero && low === 0 ? 0 : scale(low) - margin;
    chart.x = step => left + step / lastStep * chart.width;
    const ceiling = scale(high) + margin;
    chart.y = value => top + (ceiling - scale(value)) / (ceiling - base) * (height - top - bottom);
    const picture = chart.svg;
    const text = (x, y, anchor, words) => svg('text', {class: 'muted', x, y, 'text-anchor': anchor}, words);
    picture.replaceChildren();
    picture.setAttribute('width', width);
    picture.setAttribute('height', height);
    const floor = height - bottom;
    lines.forEach((value, i) => picture.append(
        svg('line', {class: 'grid', x1: left, x2: width - right, y1: chart.y(value), y2: chart.y(value)}),
        text(left - 6, chart.y(value) + 4, 'end', labels[i])));
    for (const step of ticks(0, lastStep, Math.min(6, Math.floor(width / 70)))) {
        const anchor = chart.x(step) > width - 20 ? 'end' : 'middle';
        picture.append(svg('line', {class: 'grid', x1: chart.x(step), x2: chart.x(step), y1: floor, y2: floor + 4}),
            text(anchor === 'end' ? width : chart.x(step), floor + 16, anchor, tickText(step, lastStep)));
    }
    picture.append(text(left + chart.width / 2, height - 4, 'middle', 'step'));
    if (chart.best && state.best_step) {
        const x = chart.x(state.best_step), before = x > left + chart.width / 2;
        picture.append(svg('line', {class: 'best', x1: x, x2: x, y1: top, y2: floor}),
            text(before ? x - 5 : x + 5, chart.best === 'top' ? top + 10 : floor - 6, before ? 'end' : 'start',
                'best'));
    }
    if (chart.floor > 0)
        picture.append(svg('line', {class: 'least', x1: left, x2: width - right, y1: chart.y(chart.floor), y2: chart.y(chart.floor)}));
    for (const step of chart.marks ?? []) {
        const x = chart.x(step);
        picture.append(svg('line', {class: 'skip-mark', x1: x, x2: x, y1: floor - 10, y2: floor},
            svg('title', {}, `skipped: step ${whole(step)}`)));
    }
    chart.series.forEach((series, i) => {
        const shown = series.points.filter(p => !chart.log || p[1] > 0);
        const pieces = []; /* between gaps */
        for (const p of shown)
            if (p.gap || pieces.length === 0) pieces.push([p]); else pieces[pieces.length - 1].push(p);
        for (const piece of pieces) {
            const path = piece.map(p => `${chart.x(p[0]).toFixed(1)},${chart.y(p[1]).toFixed(1)}`);
            if (path.length > 1) picture.append(svg('polyline', {class: `line s${i + 1}`, points: path.join(' ')}));
            if ((series.dots && shown.length <= 60) || path.length === 1)
                picture.append(...piece.map(p => circle(chart, p, `dot s${i + 1}`, 3)));
        }
    });
    chart.marker = svg('g', {'pointer-events': 'none'});
    picture.append(chart.marker);
    drawCursor(chart);
}

function circle(chart, point, style, radius) {
    return svg('circle', {class: style, cx: chart.x(point[0]), cy: chart.y(point[1]), r: radius});
}

/* The figures above a chart: at the cursor, or the last ones. */
function drawCursor(chart) {
    if (!chart.marker) return;
    const asked = cursor ?? chart.steps[chart.steps.length - 1];
    const found = chart.series.map(s => nearest(s.points, asked));
    const step = found.every(p => p[0] === found[0][0]) ? found[0][0] : asked;
    chart.marker.replaceChildren();
    if (cursor !== null) {
        const x = chart.x(cursor);
        chart.marker.append(svg('line', {class: 'cursor', x1: x, x2: x, y1: 8, y2: 210 - 34}));
        chart.marker.append(...found.map((p, i) => circle(chart, p, `at s${i + 1}`, 4)));
    }
    const parts = found.map((p, i) => html('span', {}, html('i', {class: `s${i + 1}`}), `${chart.series[i].name} `,
        html('b', {}, chart.format(p[1])), p[0] === step ? '' : ` at ${whole(p[0])}`));
    chart.read.replaceChildren(html('span', {class: 'muted'}, `step ${whole(step)}`), ...parts);
    chart.svg.setAttribute('aria-valuenow', step);
    chart.svg.setAttribute('aria-valuetext', chart.read.textContent);
}

function tableHead(...names) {
    return html('thead', {}, html('tr', {}, ...names.map(name => html('th', {scope: 'col'}, name))));
}

function seriesTable(chart) {
    const columns = chart.series.map(s => new Map(s.points));
    return html('table', {}, html('caption', {}, chart.unit),
        tableHead('step', ...chart.series.map(s => s.name)),
        html('tbody', {}, ...chart.steps.map(step => html('tr', {}, html('th', {scope: 'row'}, whole(step)),
            ...columns.map(c => html('td', {}, c.has(step) ? chart.format(c.get(step)) : ''))))));
}

/* ---- Translations ---- */

function saidItem(row, reference) {
    const when = row.first === row.last ? `step ${whole(row.first)}` : `${whole(row.first)} to ${whole(row.last)}`;
    return html('li', {}, html('span', {class: 'when'}, when), filmTick(row.right),
        html('span', {class: 'text'}, filmSaid({...row, reference})));
}

function drawSamples() {
    const sentences = new Map(); /* by source and reference: what was said, equal neighbours joined */
    const lines = [...valid, ...film].sort((a, b) => a.step - b.step);
    for (const line of lines)
        for (const s of Array.isArray(line.samples) ? line.samples : []) {
            if (!s || ![s.source, s.reference, s.said].every(x => typeof x === 'string')) continue;
            const key = JSON.stringify([s.source, s.reference]);
            if (!sentences.has(key)) sentences.set(key, {source: s.source, reference: s.reference, rows: []});
            const rows = sentences.get(key).rows, last = rows[rows.length - 1];
            if (last && last.said === s.said) last.last = line.step;
            else rows.push({first: line.step, last: line.step, said: s.said, right: s.right});
        }
    const place = $('samples');
    if (sentences.size === 0) {
        place.append(html('p', {class: 'muted'}, 'No sentence was translated yet.'));
        return;
    }
    place.append(html('p', {}, 'What the model made of the same sentences, step by step. ✓: exactly right. Underlined: ' +
        'words that are not in place.'));
    for (const {source, reference, rows} of sentences.values()) {
        const list = html('ol', {class: 'said'}), items = rows.map(row => saidItem(row, reference));
        const first = 3, last = 6, hidden = items.slice(first, -last);
        if (hidden.length > 2) {
            const button = html('button', {type: 'button'}, `${hidden.length} more`);
            const item = html('li', {}, button);
            button.addEventListener('click', () => {
                item.replaceWith(...hidden);
                hidden[0].tabIndex = -1;
                hidden[0].focus();
            });
            list.append(...items.slice(0, first), item, ...items.slice(-last));
        } else list.append(...items);
        place.append(html('figure', {class: 'sentence'}, html('p', {class: 'source'}, source),
            html('p', {class: 'reference'}, reference), list));
    }
}

/* ---- Validations ---- */

function drawValidations() {
    if (valid.length === 0) {
        $('table').append(html('p', {class: 'muted'}, 'None yet.'));
        return;
    }
    const row = l => html('tr', l.step === state.best_step ? {class: 'chosen'} : {},
        html('th', {scope: 'row'}, whole(l.step)),
        ...[told(l.epoch, whole), told(l.loss, fixed(4)), told(l.perplexity, fixed(3)), told(l.bleu, fixed(2)),
            told(100 * finite(l.exact), fixed(1)), l.step === state.best_step ? 'the best' : l.best ? 'new best' : ''].map(
            cell => html('td', {}, cell)));
    $('table').append(html('table', {}, html('caption', {}, 'The newest comes first.'),
        tableHead('step', 'epoch', 'loss', 'perplexity', 'BLEU', 'exactly right, %', ''),
        html('tbody', {}, ...valid.slice().reverse().map(row))));
}

/* The contents tell which section is being read. */
function followReader() {
    const links = [...document.querySelectorAll('.contents a')];
    const seen = new IntersectionObserver(entries => {
        for (const entry of entries)
            if (entry.isIntersecting)
                links.forEach(a => a.hash === `#${entry.target.id}` ? a.setAttribute('aria-current', 'true') :
                    a.removeAttribute('aria-current'));
    }, {rootMargin: '-20% 0px -70% 0px'});
    document.querySelectorAll('main > section').forEach(section => seen.observe(section));
}

/* ---- The film ---- */

function drawFilm() {
    const player = filmPlayer({checks: valid.map(l => [l.step, finite(l.loss)]), floor: leastLoss() || NaN,
        random: !/^init = ./m.test(run.config)});
    player.add(...film);
    if (player.frames().length === 0) {
        $('film').hidden = true;
        document.querySelector('.contents a[href="#film"]').parentElement.hidden = true;
        return;
    }
    $('player').append(player.node);
}

drawHead();
drawFilm();
charts.forEach(addChart);
if (train.length + valid.length === 0) $('charts').append(html('p', {class: 'muted'}, 'Nothing is in the log yet.'));
drawSamples();
drawValidations();
followReader();
